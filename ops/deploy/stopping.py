"""The operator wants to stop, or their line is gone: this is where that waits for a safe place."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ops.errors import Stopped

_NAMES = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "the end of the terminal",
}
PAUSE_SECONDS = 0.25


class Stopping:
    """Remembers Ctrl-C, SIGTERM and a lost terminal until `check` is asked.

    An answer of a host that is under way is always waited for: half of one would be
    taken for the next.
    """

    def __init__(self) -> None:
        self._because = ""
        self._is_ignored = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take signals over for a while; what they did before is restored."""
        before = {number: signal.signal(number, self._note) for number in _NAMES}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def ignored(self) -> Iterator[None]:
        """Go on whatever comes: something is being put back."""
        self._is_ignored = True
        try:
            yield
        finally:
            self._is_ignored = False

    def check(self) -> None:
        """Raise Stopped when somebody wanted that, and nothing is being put back."""
        if self._because and not self._is_ignored:
            raise Stopped(f"Stopped by {self._because}.")

    def pause(self, seconds: float = PAUSE_SECONDS) -> None:
        """Wait a moment, or raise Stopped."""
        self.check()
        time.sleep(seconds)
        self.check()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._because:
            _write("Putting back first what is begun; wait. (kill -9 leaves it: deploy again.)")
            return
        self._because = _NAMES[signal.Signals(number)]
        _write(f"{self._because}: stopping at the next safe place.")


def _write(text: str) -> None:
    """Write past the console: it may be in the middle of a line, and holds its lock then."""
    with contextlib.suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
