"""Which WAL files lead from a base backup to the present, and what is missing among them. Pure.

A base has the segments that it needs itself; from its last one on, every segment has to be in
the bucket, once. After a failover a new timeline goes on inside of the segment in which it
began: its copy of that segment has what the old timeline wrote there. What the names say is
enough to find a gap; the histories, which say the same exactly, are encrypted.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from backups.wal_files import WalFile, history_name, segment_name, segment_number


@dataclass(frozen=True, slots=True)
class Chain:
    """What recovery may read after a base, and what it will miss. Names in WAL's order."""

    files: tuple[WalFile, ...]
    missing: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()  # of these names there are two contents: neither is taken

    @property
    def trouble(self) -> str:
        """Say in words what is wrong; "" when nothing is."""
        return "; ".join(
            f"{what}: {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}"
            for what, names in (
                ("WAL is missing", self.missing),
                ("WAL of one name has two contents", self.ambiguous),
            )
            if names
        )


def chain(system: str, last: str, files: Iterable[WalFile]) -> Chain:
    """Return the chain behind a base of cluster `system` whose own last segment is named `last`.

    All that may be of use is in it, timelines that were given up included: PostgreSQL
    chooses. What is missing is judged along the newest timeline alone.
    """
    timeline, first = int(last[:8], 16), segment_number(last)
    there = [one for one in files if one.system == system and one.timeline >= timeline]
    useful = {
        one for one in there if one.is_history or (one.segment is not None and one.segment >= first)
    }
    left = {(one.timeline, one.fork) for one in there if one.fork is not None}
    contents: defaultdict[str, set[WalFile]] = defaultdict(set)
    for one in useful:
        contents[one.name].add(one)
    twice = {name for name, several in contents.items() if len(several) > 1}
    taken = sorted((one for one in useful if one.name not in twice), key=_order)
    missing = [name for name in _needed(timeline, first, useful, left) if name not in contents]
    return Chain(tuple(taken), tuple(missing), tuple(sorted(twice)))


def _needed(
    timeline: int, first: int, useful: set[WalFile], left: set[tuple[int, int]]
) -> list[str]:
    """Return the names along the way to the newest timeline.

    `left` says in which segments a timeline was left by the next: without it, the loss of
    the next one's copy of that segment could not be told from a timeline that began later.
    """
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for one in useful:
        if one.segment is not None:
            numbers[one.timeline].add(one.segment)
    if not numbers:
        return []
    newest = max(numbers)
    names = [history_name(newest)] if newest > timeline else []
    end = max(numbers[newest]) + 1
    for branch in sorted({*numbers, timeline}, reverse=True):
        lowest = min(numbers[branch], default=first)
        forks = [at for before, at in left if before == branch - 1 and first <= at <= lowest]
        start = first if branch == timeline else max(forks, default=lowest)
        # A timeline that another one began before was given up.
        if start < end:
            names += [segment_name(branch, number) for number in range(start, end)]
            end = start
    return sorted(names)


def _order(file: WalFile) -> tuple[int, int, str]:
    """Sort by place, then timeline; histories are read first."""
    return (-1 if file.segment is None else file.segment, file.timeline, file.name)
