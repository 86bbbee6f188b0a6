"""How long a check was down: this is where flips become months with an uptime. Pure.

Only time in which the check was up or down is *monitored*; while it is new or
paused, and before it existed, nothing is known, and nothing is claimed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from app.checks.state import Status

MONITORED = (Status.UP, Status.DOWN)


class Change(NamedTuple):
    """A flip, as far as it matters here."""

    at: datetime
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of one status, [begin, end)."""

    status: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """What is known of a check between two times. `count` downtimes touched it."""

    begin: datetime
    end: datetime
    count: int
    down: timedelta
    monitored: timedelta

    @property
    def uptime(self) -> float | None:
        """Percent of the monitored time, 0 to 100; None when there was none."""
        if not self.monitored:
            return None
        return 100 * ((self.monitored - self.down) / self.monitored)


def spells(
    changes: Iterable[Change], status: str, begin: datetime, now: datetime
) -> tuple[Spell, ...]:
    """Return the stretches of one status from `begin` to `now`, in order, without gaps.

    `status` is the present one; it counts from `begin` when nothing changed since.
    """
    since = [one for one in sorted(changes) if begin < one.at <= now]
    statuses = [since[0].old if since else status, *(one.new for one in since)]
    edges = [begin, *(one.at for one in since), max(begin, now)]
    joined: list[Spell] = []
    for at_status, (start, end) in zip(statuses, pairwise(edges), strict=True):
        if joined and joined[-1].status == at_status:
            joined[-1] = Spell(at_status, joined[-1].begin, end)
        else:
            joined.append(Spell(at_status, start, end))
    return tuple(joined)


def between(known: Sequence[Spell], begin: datetime, end: datetime) -> Period:
    """Return what the spells say of [begin, end); those that cross an edge are split."""
    count, down, monitored = 0, timedelta(), timedelta()
    for spell in known:
        length = min(spell.end, end) - max(spell.begin, begin)
        if length <= timedelta() or spell.status not in MONITORED:
            continue
        monitored += length
        if spell.status == Status.DOWN:
            count, down = count + 1, down + length
    return Period(begin, end, count, down, monitored)


def months(now: datetime, zone: tzinfo, count: int = 3) -> list[tuple[datetime, datetime]]:
    """Return the edges, in UTC, of this month and those before it, newest first.

    A month begins at midnight of its first day on the zone's clock; this one is whole.
    """
    here = now.astimezone(zone)
    number = here.year * 12 + here.month - 1
    edges = [_first_day(number - back, zone) for back in range(-1, count)]
    return [(begin, end) for end, begin in pairwise(edges)]


def _first_day(number: int, zone: tzinfo) -> datetime:
    """Return the beginning of a month that is counted from the year 0."""
    year, month = divmod(number, 12)
    return datetime(year, month + 1, 1, tzinfo=zone).astimezone(UTC)
