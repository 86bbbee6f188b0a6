"""All cases, in the order in which they are played."""

from tests.torture.case import Case
from tests.torture.faults import (
    clock,
    commits,
    damaged,
    database_away,
    descriptors,
    disk,
    failover,
    killed,
    packets,
    several,
    slots,
)

CASES: tuple[Case, ...] = (
    *killed.CASES,
    *database_away.CASES,
    *failover.CASES,
    *commits.CASES,
    *disk.CASES,
    *damaged.CASES,
    *clock.CASES,
    *slots.CASES,
    *descriptors.CASES,
    *packets.CASES,
    *several.CASES,
)


def named(name: str) -> Case:
    """Return a case. KeyError when there is none of that name."""
    return {case.name: case for case in CASES}[name]
