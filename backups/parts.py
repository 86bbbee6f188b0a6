"""How long each part of a work took; a person sees how far the one under way is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backups.progress import Progress, say


@dataclass(slots=True)
class Parts:
    """The parts, in their order, and their seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str, whole_bytes: int = 0) -> Iterator[Callable[[int], None]]:
        """Time a part; what is given hears how many bytes of it are done. One that fails counts."""
        began = time.monotonic()
        progress, done = Progress(part, whole_bytes), 0

        def told(size_bytes: int) -> None:
            nonlocal done
            progress.add(size_bytes - done)
            done = size_bytes

        try:
            yield told
        finally:
            self.seconds[part] = round(time.monotonic() - began, 3)
            progress.close()
            say(f"{part:<14} {self.seconds[part]:8.1f} s")
