"""The latest time before which a receiver has said to have all pings: it outlives the process.

JOURNAL_DIR/<slot>/said    eight bytes, microseconds since 1970, written before it is said

A run that starts while the clock has been stepped back takes no ping before it: a check
may have been judged by it. But a time that is far ahead was said by a clock that was wrong
(one of the hardware that has local time, an empty battery): to keep to it would be to stamp
pings with it for hours. Not synced: who loses it loses the machine's power, too.
"""

import logging
import os
import struct
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

MOST_AHEAD_SECONDS = 600
_TIME = struct.Struct("<q")


class SaidTime:
    """Reads what the run before has said, and keeps what this one says. One write a commit."""

    def __init__(self, path: Path) -> None:
        self.before_us = 0
        self._handle = -1
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            kept = os.pread(self._handle, _TIME.size, 0)
            if len(kept) == _TIME.size:
                self.before_us = _believed(*_TIME.unpack(kept))
        except OSError as error:
            log.warning("time of the run before is unknown reason=%s", error)

    def keep(self, time_us: int) -> None:
        """Keep a time that is about to be said."""
        with suppress(OSError):  # a full disk is told by the journal
            os.pwrite(self._handle, _TIME.pack(time_us), 0)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _believed(said_us: int) -> int:
    """Return the time that was said, 0 when no clock that is right can have said it."""
    ahead_seconds = said_us / 1e6 - time.time_ns() / 1e9
    if ahead_seconds <= MOST_AHEAD_SECONDS:
        return said_us
    log.critical(
        "clock was wrong: the run before has taken pings ahead_seconds=%d, alerts of the "
        "checks concerned may be late or false",
        ahead_seconds,
    )
    return 0
