"""A model of a cluster's life: WAL, bases, failovers and restores, and what that lets one restore.

It knows what names do not say: which timeline forked from which, and where.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from backups.replay import ArchivedFile, Span
from backups.retention import Backup, Decision, decide

DAYS, KEEP_VERIFIED = 5, 2
START = datetime(2026, 1, 1, tzinfo=UTC)
Segment = tuple[int, int]  # timeline, number

steps = st.lists(
    st.tuples(
        st.sampled_from(["wal", "wal", "base", "base", "failover", "restore", "back"]),
        st.integers(0, 7),
        st.integers(0, 3),
    ),
    max_size=40,
)


@dataclass(frozen=True, slots=True)
class Base:
    """A base that begins and ends in these segments of a timeline; `early` in the last one."""

    timeline: int
    first: int
    last: int
    at: datetime
    is_verified: bool
    is_early: bool


@dataclass
class History:
    """What is in the bucket, and the timelines' tree: {timeline: (parent, fork)}."""

    now: datetime = START
    timeline: int = 1
    number: int = 10  # the segment that is being written
    tree: dict[int, tuple[int, int]] = field(default_factory=dict)
    wal: dict[Segment, datetime] = field(default_factory=dict)
    bases: list[Base] = field(default_factory=list)

    def take(self, what: str, a: int, b: int) -> None:
        """Let something happen, and up to three days pass."""
        match what:
            case "wal":
                self._archive(1 + a)
            case "base":
                self._archive(1)
                last = self.number
                flags = bool(a & 1), bool(a & 2)
                self.bases.append(Base(self.timeline, last - (a & 4) // 4, last, self.now, *flags))
                self._archive(a & 1)
            case "failover":  # the old primary has archived what its standby never got
                number = self.number - b
                self._archive(b)
                self._fork(self.timeline, max(number, self._begin(self.timeline)))
            case "restore":
                self._restore_to(sorted(self.restorable(is_verified=False)), a)
            case "back":  # onto a timeline that was left, or was never the right one
                others = [one for one in sorted(self.wal) if one[0] != self.timeline]
                self._restore_to(
                    [one for one in others if one in self.restorable(is_verified=False)], a
                )
        self.now += timedelta(days=b)

    def _archive(self, count: int) -> None:
        for _ in range(count):
            self.wal[self.timeline, self.number] = self.now
            self.number += 1

    def _restore_to(self, targets: list[Segment], which: int) -> None:
        if targets:
            self._fork(*targets[which * len(targets) // 8])

    def _fork(self, parent: int, number: int) -> None:
        self.timeline = max([1, *self.tree]) + 1
        self.tree[self.timeline] = parent, number
        self.number = number

    def _begin(self, timeline: int) -> int:
        return self.tree[timeline][1] if timeline in self.tree else 0

    def restorable(self, *, is_verified: bool) -> set[Segment]:
        """Return the segments up to which a base, or a verified one, can be replayed."""
        bases = [one for one in self.bases if one.is_verified or not is_verified]
        return {segment for segment in self.wal if self._is_reached(*segment, bases)}

    def _is_reached(self, timeline: int, number: int, bases: list[Base]) -> bool:
        """Walk from a segment back to a base that is whole there, over segments that are there."""
        fork = None  # where the newer timeline left the one we are on
        while True:
            for base in bases:
                is_whole = base.last <= number or (base.last == fork and base.is_early)
                is_here = base.timeline == timeline and is_whole
                if is_here and self._are_there(timeline, base.last, number):
                    return True
            begin = self._begin(timeline)
            if not self._are_there(timeline, begin - 1, number) or timeline not in self.tree:
                return False
            timeline, fork = self.tree[timeline]
            number = fork - 1

    def _are_there(self, timeline: int, after: int, number: int) -> bool:
        return all((timeline, n) in self.wal for n in range(after + 1, number + 1))

    def young(self) -> set[Segment]:
        """Return the segments of the kept period."""
        since = self.now - timedelta(days=DAYS)
        return {segment for segment, at in self.wal.items() if at >= since}

    def decision(self) -> Decision:
        """Ask the rule."""
        backups = [
            Backup(str(n), "base", one.at, one.is_verified, _span(one))
            for n, one in enumerate(self.bases)
        ]
        wal = [
            ArchivedFile.of(f"{t}/{n}", "1", f"{t:08X}{n:016X}", at)
            for (t, n), at in self.wal.items()
        ]
        return decide(backups, wal, self.now, days=DAYS, keep_verified=KEEP_VERIFIED)

    def prune(self) -> Decision:
        """Delete what the rule lets go, and say what that was."""
        decision = self.decision()
        gone = {int(one.id) for one in decision.backups}
        self.bases = [one for n, one in enumerate(self.bases) if n not in gone]
        for file in decision.wal:
            timeline, number = file.key.split("/")
            del self.wal[int(timeline), int(number)]
        return decision


def _span(base: Base) -> Span:
    return Span("1", base.timeline, f"{base.first:016X}", f"{base.last:016X}")
