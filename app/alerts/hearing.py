"""Which receivers say something? Pure: this is where T of design promise 4 is decided.

T of a receiver: every ping it took before T is applied. A receiver holds alerts
by its T, until it has said nothing new for a while (SILENT_RECEIVER_SECONDS).

Silence is counted by what we hear, not by how old T is: a drain that works off
the backlog of an outage says something new all the time, and its T is old. Nor
does silence grow while we hear nobody, because the database is away or we slept.
Else our own outage would end in a storm of false alerts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

FIRST_WORD_SECONDS = 15.0
DEAF_SECONDS = 5.0


@dataclass(slots=True)
class Hearing:
    """What was last heard of each receiver, and when by our own clock."""

    silent_after_seconds: float
    last: dict[int, tuple[datetime, float]] = field(default_factory=dict)
    listened_at: float | None = None

    def applied_before(
        self, positions: Iterable[tuple[int, datetime]], now: datetime, clock: float
    ) -> datetime | None:
        """Return the time before which every live receiver's pings are applied.

        None when no receiver lives. `positions` are (id, T) of all that are not
        retired; `clock` is monotonic seconds.
        """
        self._forgive_deafness(clock)
        self.last = {pk: (at, self._heard_at(pk, at, now, clock)) for pk, at in positions}
        live = [at for at, heard in self.last.values() if clock - heard < self.silent_after_seconds]
        return min(live, default=None)

    def _forgive_deafness(self, clock: float) -> None:
        gap = 0.0 if self.listened_at is None else clock - self.listened_at
        if gap > DEAF_SECONDS:
            self.last = {pk: (at, heard + gap) for pk, (at, heard) in self.last.items()}
        self.listened_at = clock

    def _heard_at(self, pk: int, at: datetime, now: datetime, clock: float) -> float:
        before, heard = self.last.get(pk, (None, clock))
        if before is not None:
            return heard if before == at else clock
        # Seen for the first time: its silence is as old as its T. But what
        # starts together with us, after a power cut, gets time for a first word.
        age = max(0.0, (now - at).total_seconds())
        return clock - min(age, max(0.0, self.silent_after_seconds - FIRST_WORD_SECONDS))
