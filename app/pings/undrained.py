"""What a receiver has taken and the drain has not said to be in the database yet."""

import time
from collections import deque
from datetime import datetime

from app.pings.journal import Place

# Commits of a quarter of a second are noted as one, or an outage would cost memory.
_NOTED_TOGETHER_SECONDS = 0.25


class Undrained:
    """Where commits end, since when each waits, and how many pings are in it: oldest first."""

    def __init__(self) -> None:
        self.place = Place()  # how far the drain has got, as it last said
        self.count = 0
        self._commits: deque[tuple[Place, float, int]] = deque()

    def add(self, end: Place, count: int) -> None:
        """Note a commit. One of nothing may end where the drain is already: it waits for nobody."""
        if end <= self.place:
            return
        now = time.monotonic()
        self.count += count
        if self._commits and now - self._commits[-1][1] < _NOTED_TOGETHER_SECONDS:
            _, since, before = self._commits.pop()
            self._commits.append((end, since, before + count))
        else:
            self._commits.append((end, now, count))

    def drained(self, place: Place) -> None:
        """Note how far the drain has got."""
        self.place = max(self.place, place)
        while self._commits and self._commits[0][0] <= place:
            self.count -= self._commits.popleft()[2]

    def note_old(self, end: Place, received_at: datetime | None) -> None:
        """Note since when pings up to `end` wait that an earlier run took; None: none does."""
        if self._commits and self._commits[0][0] <= end:
            self._commits.popleft()
        if received_at is not None and self.place < end:
            age_seconds = max(time.time() - received_at.timestamp(), 0.0)
            self._commits.appendleft((end, time.monotonic() - age_seconds, 0))

    def oldest_seconds(self) -> float:
        """Return the age of the oldest ping that is not in the database; 0 when all are."""
        return time.monotonic() - self._commits[0][1] if self._commits else 0.0

    def __len__(self) -> int:
        return len(self._commits)
