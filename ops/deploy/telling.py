"""What an operator sees of a procedure: a line a step, and where the time went."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ops.console import Console


@dataclass(slots=True)
class Step:
    """One step on one host; `words` are what came of it."""

    words: str = ""


@dataclass(slots=True)
class Telling:
    """Lines of progress. Nobody at the other end any more is no reason to stop."""

    console: Console
    width: int
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        """Write a line."""
        with contextlib.suppress(OSError):
            self.console.say(text)

    def trouble(self, text: str) -> None:
        """Write a line that says what went wrong."""
        self.say(self.console.trouble(text))

    def data(self, text: str) -> None:
        """Write what a program may read."""
        with contextlib.suppress(OSError):
            self.console.data(text)

    def progress(self, text: str) -> None:
        """Say at the bottom of a terminal how far it is."""
        with contextlib.suppress(OSError):
            self.console.progress(text)

    @contextlib.contextmanager
    def step(self, name: str, where: str = "") -> Iterator[Step]:
        """Say what is done while it is done; then that it was, and how long it took."""
        begin, step = time.monotonic(), Step()
        self.progress(f"  {where:<{self.width}}  {name} ...")
        try:
            yield step
        except BaseException:
            self._count(name, begin)
            self.progress("")
            raise
        took = self._count(name, begin)
        self.progress("")
        self.say(f"  {where:<{self.width}}  {name:<16} {took:5.1f} s  {step.words}".rstrip())

    def where_time_went(self) -> list[str]:
        """Return a line a step: seconds and share, the longest first."""
        total = sum(self.seconds.values()) or 1.0
        return [
            f"  {name:<16} {seconds:6.1f} s  {100 * seconds / total:3.0f} %"
            for name, seconds in sorted(self.seconds.items(), key=lambda item: -item[1])
        ]

    def _count(self, name: str, begin: float) -> float:
        took = time.monotonic() - begin
        with self._lock:
            self.seconds[name] += took
        return took
