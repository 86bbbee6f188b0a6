"""Cut the logs of checks to PING_LOG_LIMIT: this is where pruning gets its share of the time.

An idle drain prunes step by step. One that is never idle gives pruning a share of its
time, so that the log of a check which is pinged without a pause does not grow.
"""

import time
from collections.abc import Iterable

from app.pings.retention import prune_pings

SHARE = 0.2  # a step of 2,000 pings takes some milliseconds: enough for 40,000 pings a second
LONGEST_SECONDS = 0.1
MOST_REMEMBERED = 100_000


class Pruner:
    """Which logs are too long, and up to where each was cut."""

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}
        # Where the next cut begins: a scan from the start would pass over what is dead.
        self._reached: dict[int, int] = {}
        self._credit, self._counted_at = 0.0, time.monotonic()

    @property
    def has_work(self) -> bool:
        """Return True when there is something to prune."""
        return bool(self._wanted)

    def want(self, checks: Iterable[tuple[int, int]]) -> None:
        """Note checks by their ids, each with the newest n that is to go."""
        for check_id, up_to_n in checks:
            if up_to_n > 0:
                self._wanted[check_id] = up_to_n

    def work(self, *, is_idle: bool) -> None:
        """Take one step when there is nothing else to do, else as many as the share allows."""
        now = time.monotonic()
        self._credit = min(self._credit + (now - self._counted_at) * SHARE, LONGEST_SECONDS)
        self._counted_at = now
        if is_idle and self._wanted:
            self._step()
        while self._wanted and self._credit > 0 and not is_idle:
            self._step()
            self._credit -= time.monotonic() - now
            now = time.monotonic()

    def _step(self) -> None:
        check_id, up_to_n = next(iter(self._wanted.items()))
        reached = prune_pings(check_id, up_to_n, self._reached.get(check_id, 0))
        del self._wanted[check_id]
        if reached < up_to_n:
            self._wanted[check_id] = up_to_n  # behind the others
        if len(self._reached) >= MOST_REMEMBERED:
            self._reached.clear()
        self._reached[check_id] = reached
