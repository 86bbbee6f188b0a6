"""The short time behind a batch in which pings come together for the next one.

A transaction costs as much as thirty pings in it, and a receiver says after each of its
own commits that there is more. Who drains at once is as busy with a thousand pings a
second as with twenty thousand. The first ping after a calm waits for nobody.
"""

import select
import time
from typing import Protocol

from app.pings.drain_links import Wakeable

SECONDS = 0.05


class Work(Protocol):
    """What can be done meanwhile, step by step (pruning.Pruner)."""

    @property
    def has_work(self) -> bool:
        """Return True when there is something to do."""
        ...

    def work(self, *, is_idle: bool) -> None:
        """Take a step."""
        ...


class Gathering:
    """When the next batch may begin."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self) -> None:
        """Note that a batch has ended just now."""
        self._until = time.monotonic() + SECONDS

    def wait(self, waker: Wakeable | None, meanwhile: Work) -> None:
        """Wait until the next batch may begin, or somebody wants an answer; work meanwhile."""
        while (left := self._until - time.monotonic()) > 0:
            if meanwhile.has_work:
                meanwhile.work(is_idle=True)
            elif select.select([waker] if waker else [], [], [], left)[0]:
                return
