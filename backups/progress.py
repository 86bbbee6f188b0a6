"""What a person sees of long work: a line on their terminal, and nothing elsewhere.

Who follows from another machine sets STILLHERE_FOLLOWED: then the line is written every two
seconds, whatever stderr is.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 24
_EVERY_SECONDS = 0.2
_FOLLOWED = "STILLHERE_FOLLOWED"
_FOLLOWED_EVERY_SECONDS = 2.0


class Progress:
    """Bytes of one piece of work; `total_bytes` of 0 is not known."""

    def __init__(
        self,
        what: str,
        total_bytes: int = 0,
        stream: TextIO = sys.stderr,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._stream, self._clock = what, total_bytes, stream, clock
        self._done = 0
        self._begun = self._shown = clock()
        self._is_shown = stream.isatty() or _FOLLOWED in os.environ
        self._every = _EVERY_SECONDS if stream.isatty() else _FOLLOWED_EVERY_SECONDS

    def add(self, count: int) -> None:
        """Tell that so many bytes more are done."""
        self._done += count
        if self._is_shown and self._clock() - self._shown >= self._every:
            self._show()

    def close(self) -> None:
        """End the line."""
        if self._is_shown:
            self._show()
            self._stream.write("\n")

    def _show(self) -> None:
        self._shown = self._clock()
        spent = max(self._shown - self._begun, 0.001)
        line = f"{self._what}  {size(self._done)}  {size(int(self._done / spent))}/s"
        if self._total:
            part = min(self._done / self._total, 1)
            bar = "#" * int(part * _WIDTH)
            line = f"{self._what}  [{bar:<{_WIDTH}}] {part:4.0%}{line.removeprefix(self._what)}"
        self._stream.write(f"\r{line}\x1b[K")
        self._stream.flush()


def size(count: int) -> str:
    """Return bytes as a person reads them, in powers of 1024."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def say(line: str) -> None:
    """Tell a person something: on stderr, since stdout is for data."""
    sys.stderr.write(f"{line}\n")
