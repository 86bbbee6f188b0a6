"""Which base is needed to replay a WAL file: a pure rule about names, timelines and positions.

A position is the last 16 of the 24 hexadecimal digits by which PostgreSQL calls a segment:
all timelines of a cluster share them, and as text they sort as the segments do.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{16})(?:\.partial|\.[0-9A-F]{8}\.backup)?")


@dataclass(frozen=True, slots=True)
class Span:
    """The WAL without which a base is not whole: positions, from `first` to `last`."""

    system: str
    timeline: int
    first: str
    last: str

    @classmethod
    def of(cls, system: str, first: str, last: str) -> "Span | None":
        """Return the span of two segments' names; None when they are none of one base."""
        begin, end = _SEGMENT.fullmatch(first), _SEGMENT.fullmatch(last)
        if begin is None or end is None or begin[1] != end[1] or begin[2] > end[2]:
            return None
        return cls(system, int(begin[1], 16), begin[2], end[2])


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of the WAL in the bucket. `position` is empty for a timeline's history."""

    key: str
    system: str
    timeline: int
    position: str
    uploaded_at: datetime

    @classmethod
    def of(cls, key: str, system: str, name: str, uploaded_at: datetime) -> "ArchivedFile":
        """Return what a WAL file's own name says of it."""
        found = _SEGMENT.fullmatch(name)
        timeline, position = (int(found[1], 16), found[2]) if found else (0, "")
        return cls(key, system, timeline, position, uploaded_at)


def bases_for(
    files: Iterable[ArchivedFile], bases: Mapping[str, Span], known: Iterable[ArchivedFile]
) -> set[str]:
    """Return the ids of the `bases` onto which `files` are replayed: for each the nearest.

    `known` is all WAL there is. Names do not say which timeline a newer one has left, only
    where; when two could be it, the nearest base on either is returned.
    """
    clusters = defaultdict[str, _Cluster](_Cluster)
    for file in known:
        if file.position:
            clusters[file.system].positions[file.timeline].add(file.position)
    for name, span in sorted(bases.items(), key=lambda item: item[1].last, reverse=True):
        cluster = clusters[span.system]
        cluster.bases[span.timeline].append((span.last, name))
        cluster.positions[span.timeline].update((span.first, span.last))
    return {
        name
        for system, timeline, position in {(f.system, f.timeline, f.position) for f in files}
        if position
        for name in clusters[system].nearest(timeline, position)
    }


@dataclass(slots=True)
class _Cluster:
    """What one cluster's names say: `bases` by timeline, the newest first."""

    positions: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    bases: dict[int, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    _before: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def nearest(self, timeline: int, position: str) -> tuple[str, ...]:
        """Return the last base that ends at or before `position`, on this way or on all ways."""
        for last, name in self.bases[timeline]:
            if last <= position:
                return (name,)
        # Two months have 90,000 files: what is the same for all of a timeline is reckoned once.
        if timeline not in self._before:
            self._before[timeline] = tuple(self._before_the_fork_of(timeline))
        return self._before[timeline]

    def _before_the_fork_of(self, timeline: int) -> Iterator[str]:
        """Yield the last base before it; who ends in the very segment may be too late."""
        fork = min(self.positions[timeline])
        for parent in self._parents_of(timeline, fork):
            for last, name in self.bases[parent]:
                if last <= fork:
                    yield name
                if last < fork:
                    break
            else:
                yield from self._before_the_fork_of(parent)

    def _parents_of(self, timeline: int, fork: str) -> list[int]:
        """Return the older timelines that have WAL up to where this one begins.

        The segment in which they part may never have been archived on the older one. A
        timeline that ends earlier can be no parent, or nothing can be replayed from it.
        """
        older = {
            number: found
            for number, found in self.positions.items()
            if number < timeline and min(found) <= fork
        }
        before = max((p for found in older.values() for p in found if p < fork), default="")
        return [number for number, found in older.items() if max(found) >= before]
