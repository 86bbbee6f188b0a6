"""What the form of a check shows of a schedule before it is saved."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from app.checks.clock_jumps import caught
from app.checks.schedule import Kind, Schedule, ScheduleError, upcoming
from app.checks.zones import zone_of_name
from app.pages import schedule_words, words

DATES = 5
MOST_WARNINGS = 4


@dataclass(frozen=True, slots=True)
class Date:
    """A date on which the job is due; `distance` is from the one before it, or from now."""

    moment: datetime
    shown: str
    distance: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A schedule in words, its next dates, what its grace means, and what clocks do to it."""

    is_simple: bool
    sentences: list[str]
    zone: str
    dates: list[Date]
    grace: str
    jumps: list[str]


def preview(rule: Schedule, grace: timedelta, now: datetime, reader: tzinfo) -> Preview | None:
    """Return the preview; dates of a period are in the reader's zone. None for a broken row."""
    is_simple = rule.kind == Kind.SIMPLE
    zone = reader if is_simple else zone_of_name(rule.tz)
    try:
        dates = upcoming(rule, now, 1 if is_simple else DATES)
        found = caught(rule, now)[:MOST_WARNINGS]
    except ScheduleError:
        return None
    if zone is None:
        return None
    return Preview(
        is_simple=is_simple,
        sentences=schedule_words.explain(rule),
        zone=str(zone),
        dates=_dates(dates, now, zone),
        grace=_grace(dates, grace, zone),
        jumps=[schedule_words.jump(one) for one in found],
    )


def _dates(dates: list[datetime], now: datetime, zone: tzinfo) -> list[Date]:
    shown = [schedule_words.date(moment, zone) for moment in dates]
    distances = [
        int((later - earlier).total_seconds()) for earlier, later in pairwise([now, *dates])
    ]
    said = [f"in {words.duration(distances[0])}"] if dates else []
    said += [f"{words.exact(seconds)} later" for seconds in distances[1:]]
    return [Date(*row) for row in zip(dates, shown, said, strict=True)]


def _grace(dates: list[datetime], grace: timedelta, zone: tzinfo) -> str:
    """Return what happens when the first ping does not come."""
    if not dates:
        return ""
    due, told = dates[0].astimezone(zone), (dates[0] + grace).astimezone(zone)
    day = "" if told.date() == due.date() else f"{told:%a} {told.day} {told:%b} "
    return (
        f"A ping that is due at {due:%H:%M} is late then, "
        f"and you are told at {day}{told:%H:%M} if it has not come."
    )
