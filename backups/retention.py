"""Which backups and which WAL may go: a pure rule (decision 32).

A backup goes when it is old, enough newer ones of its kind were restored by the drill, and,
a base, when nothing of the kept period needs it. WAL goes that no base is left for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backups.replay import ArchivedFile, Span, bases_for


@dataclass(frozen=True, slots=True)
class Backup:
    """A dump or a base that has a manifest.

    `taken_at` is aware and UTC: the later one of what its host and the store say, so that
    no wrong clock of a host makes it old. `wal` is what a base cannot do without; a base
    of which that cannot be read has None.
    """

    id: str
    kind: str
    taken_at: datetime
    is_verified: bool
    wal: Span | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What may go, and the reasons (by id) for what is old and stays."""

    backups: tuple[Backup, ...] = ()
    wal: tuple[ArchivedFile, ...] = ()
    stays: dict[str, str] = field(default_factory=dict)


def decide(
    backups: Sequence[Backup],
    wal: Sequence[ArchivedFile],
    now: datetime,
    *,
    days: int,
    keep_verified: int,
) -> Decision:
    """Return what may go at `now`.

    Whatever could be restored before, to any moment of the last `days`, can be afterwards.
    A backup that says that it is of the future never goes, and is newer than none.
    """
    since = now - timedelta(days=days)
    needed = _needed_bases(backups, wal, since)
    going, stays = list[Backup](), dict[str, str]()
    for one in sorted(backups, key=lambda one: (one.taken_at, one.id)):
        if one.taken_at >= since:
            continue
        newer = _newer_verified(one, backups, now)
        if newer < keep_verified:
            stays[one.id] = f"{newer} newer verified, {keep_verified} are wanted"
        elif one.id in needed:
            stays[one.id] = f"WAL of the last {days} days needs it"
        elif one.kind == "base" and one.wal is None:
            stays[one.id] = "what WAL it needs cannot be read"
        else:
            going.append(one)
    gone = {one.id for one in going}
    bases = [one for one in backups if one.kind == "base" and one.id not in gone]
    return Decision(tuple(going), tuple(_useless(wal, bases, since)), stays)


def _newer_verified(one: Backup, backups: Iterable[Backup], now: datetime) -> int:
    """Return how many verified backups of its kind are newer: a dump is no base."""
    return sum(
        other.is_verified and other.kind == one.kind and one.taken_at < other.taken_at <= now
        for other in backups
    )


def _needed_bases(
    backups: Iterable[Backup], wal: Sequence[ArchivedFile], since: datetime
) -> set[str]:
    """Return the bases that WAL uploaded `since` then is replayed onto.

    Once of all, and once of the verified ones: the nearest may turn out to be broken.
    """
    bases = {one.id: one.wal for one in backups if one.wal is not None}
    verified = {one.id: one.wal for one in backups if one.wal is not None and one.is_verified}
    young = [one for one in wal if one.uploaded_at >= since]
    return bases_for(young, bases, wal) | bases_for(young, verified, wal)


def _useless(
    wal: Iterable[ArchivedFile], bases: Sequence[Backup], since: datetime
) -> Iterator[ArchivedFile]:
    """Yield the WAL from before all kept `bases` of its cluster.

    Timelines share their positions, so what is before the first base is of use to none.
    A cluster without a base, maybe a new one, keeps its WAL while it is young.
    """
    first = dict[str, str]()
    for base in bases:
        if base.wal is None:  # it may need any
            return
        known = first.get(base.wal.system, base.wal.first)
        first[base.wal.system] = min(base.wal.first, known)
    for file in wal:
        if file.system not in first:
            if file.uploaded_at < since:
                yield file
        elif file.position and file.position < first[file.system]:
            yield file
