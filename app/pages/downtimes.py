"""When a check was down: its last changes, and three months of uptime."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from math import floor

from app.checks import downtime
from app.checks.downtime import Change, Period
from app.checks.models import Check, Flip
from app.checks.state import Shown, Status
from app.pages import words

MOST_READ = 5_000
BRIEF = 5


@dataclass(frozen=True, slots=True)
class Month:
    """A month as a line of the table; `uptime` is "" when there is no data."""

    name: str
    period: Period
    uptime: str
    down: str


@dataclass(frozen=True, slots=True)
class Lasted:
    """A flip, and how long the status lasted; None when it still does."""

    flip: Flip
    lasted: str | None


def months(check: Check, now: datetime, zone: tzinfo) -> list[Month]:
    """Return this month and the two before it, newest first. One query.

    Rides on flip_once_at_a_time. A check with more than MOST_READ changes in that
    time has no data before the oldest of them that is read.
    """
    edges = downtime.months(now, zone)
    flips = check.flips.filter(at__gt=edges[-1][0]).order_by("-at")
    rows = flips.values_list("at", "old_status", "new_status")[:MOST_READ]
    changes = [Change(*row) for row in rows]
    begin = changes[-1].at if len(changes) == MOST_READ else check.created_at
    if check.down_at and check.shown(now) is Shown.DOWN and check.status != Status.DOWN:
        # Its deadline has passed, and the notifier has not been here yet.
        changes.append(Change(check.down_at, check.status, Status.DOWN))
    known = downtime.spells(changes, check.status, begin, now)
    return [_month(downtime.between(known, *edge), zone) for edge in edges]


def changes(check: Check) -> list[Lasted]:
    """Return the last flips, newest first, each with how long its status lasted."""
    flips = list(check.flips.order_by("-at", "-pk")[: BRIEF + 1])
    spans = [words.duration(later.at - earlier.at) for later, earlier in pairwise(flips)]
    return [Lasted(flip, span) for flip, span in zip(flips[:BRIEF], [None, *spans], strict=False)]


def percent(uptime: float) -> str:
    """Return an uptime rounded down, so that 100 % means never down: "99.98 %", "100 %"."""
    return f"{floor(uptime * 100) / 100:g} %"


def _month(period: Period, zone: tzinfo) -> Month:
    begin = (period.begin + timedelta(days=1)).astimezone(zone)
    uptime = period.uptime
    return Month(
        name=f"{begin:%B %Y}",
        period=period,
        uptime="" if uptime is None else percent(uptime),
        down=words.exact(int(period.down.total_seconds())) if period.down else "",
    )
