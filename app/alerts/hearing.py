"""Which receivers say something? Pure: this is where T of design promise 4 is decided.

T of a receiver: every ping it took before T is applied. A receiver holds alerts
by its T, until it has said nothing new for a while (SILENT_RECEIVER_SECONDS).

Silence is counted by what we hear, not by how old T is: a drain that works off
the backlog of an outage says something new all the time, and its T is old. Nor
does silence grow while we hear nobody, because the database is away or we slept.
Else our own outage would end in a storm of false alerts. After a failover of the
database silence is counted from the change on, until a drain has met the new primary.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

FIRST_WORD_SECONDS = 15.0
DEAF_SECONDS = 5.0
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Report:
    """What a receiver's position says: T, and on which timeline of the database it was met."""

    receiver: Hashable
    applied_before: datetime
    timeline: int | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """Who says the reports: its timeline, and when that took over (None: it is the first)."""

    timeline: int | None = None
    changed_at: datetime | None = None


@dataclass(slots=True)
class Hearing:
    """What was last heard of each receiver, and when by our own clock."""

    silent_after_seconds: float
    last: dict[Hashable, tuple[Report, float]] = field(default_factory=dict)
    listened_at: float | None = None
    database: Database = field(default_factory=Database)
    changed_at: float = float("-inf")
    missing: frozenset[Hashable] = frozenset()

    def applied_before(
        self,
        reports: Iterable[Report],
        now: datetime,
        clock: float,
        database: Database = Database(),
    ) -> datetime | None:
        """Return the time before which every live receiver's pings are applied.

        None when no receiver lives. `reports` are those of all that are not retired;
        `clock` is monotonic seconds.
        """
        said = {report.receiver: report for report in reports}
        self._forgive_deafness(clock)
        self._note_change(said, now, clock, database)
        self.last = {
            key: (report, self._heard_at(report, now, clock)) for key, report in said.items()
        }
        heard = [
            (report.applied_before, heard)
            for report, heard in self.last.values()
            if clock - heard < self.silent_after_seconds
        ]
        if self.missing and clock - self.changed_at < self.silent_after_seconds:
            return _NEVER
        return min((at for at, _ in heard), default=None)

    def _forgive_deafness(self, clock: float) -> None:
        gap = 0.0 if self.listened_at is None else clock - self.listened_at
        if gap > DEAF_SECONDS:
            self.last = {key: (report, heard + gap) for key, (report, heard) in self.last.items()}
        self.listened_at = clock

    def _note_change(
        self, said: dict[Hashable, Report], now: datetime, clock: float, database: Database
    ) -> None:
        """After a change of timeline wait for every receiver that was known, also to the old one.

        Its drain has to meet the new primary: until then the position is as old as the
        standby was, or is not even there.
        """
        if database != self.database:
            self.missing = frozenset(self.last)
            self.database, self.changed_at = database, float("-inf")
        if database.changed_at is not None:
            self.changed_at = clock - max(0.0, (now - database.changed_at).total_seconds())
        self.missing = self.missing - said.keys()

    def _heard_at(self, report: Report, now: datetime, clock: float) -> float:
        before, heard = self.last.get(report.receiver, (None, clock))
        if before is None:
            # Seen for the first time: its silence is as old as its T. But what
            # starts together with us, after a power cut, gets time for a first word.
            age = max(0.0, (now - report.applied_before).total_seconds())
            heard = clock - min(age, max(0.0, self.silent_after_seconds - FIRST_WORD_SECONDS))
        elif before != report:
            return clock
        is_met = report.timeline == self.database.timeline
        return heard if is_met else max(heard, self.changed_at)
