"""Schedules in words: what an expression says, and what clock jumps do to it. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import lru_cache

from cronsim import CronSim

from app.checks.clock_jumps import Caught, Fate
from app.checks.schedule import Kind, Line, Schedule, ScheduleError, lines_of
from app.pages import words
from app.pages.calendar_words import in_words, ordinal

_FATES = {
    Fate.MOVED: ("happens at {after}", "happen together at {after}"),
    Fate.SKIPPED: ("does not happen", "do not happen"),
    Fate.ONCE: ("happens once, the first time", "happen once, the first time"),
    Fate.TWICE: ("happens twice", "happen twice"),
}


def explain(rule: Schedule) -> list[str]:
    """Return what a schedule says, a sentence for each of its lines; [] for a broken row.

    Without the check's zone; a line of OnCalendar names its own. What has no
    good words is the line as it was typed. Costs 0.1 ms a line, 0.5 us when seen before.
    """
    return list(_explained(rule))


def jump(caught: Caught) -> str:
    """Return what a clock jump does to a schedule, one sentence."""
    clock, walls = caught.jump, caught.walls
    verb = "jumps" if clock.is_forward else "goes back"
    change = f"{verb} from {clock.before:%H:%M} to {clock.after:%H:%M}"
    return (
        f"On {_day(clock.before)} the clock in {clock.zone.key} {change}: {_runs(walls, caught)}."
    )


def date(moment: datetime, zone: tzinfo) -> str:
    """Return a date of the zone in full: "Sun 28 Mar 2027, 04:00 EEST"."""
    local = moment.astimezone(zone)
    seconds = ":%S" if local.second else ""
    return f"{_day(local)}, {local:%H:%M{seconds}} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """Return what the zone is called at that time; UTC+05:30 where it has only a number."""
    name = f"{local:%Z}"
    return name if name.isalpha() else "UTC" + local.isoformat()[-6:]


@lru_cache(maxsize=2048)
def _explained(rule: Schedule) -> tuple[str, ...]:
    if rule.kind == Kind.SIMPLE:
        text = words.every(rule.period_seconds)
        return (text[0].upper() + text[1:],)
    try:
        return tuple(_line(line, rule) for line in lines_of(rule))
    except ScheduleError:
        return ()


def _line(line: Line, rule: Schedule) -> str:
    pattern = line.pattern()
    if isinstance(pattern, CronSim):
        # cronsim says "the 21th day of month".
        said = re.sub(r"(\d+)th\b", lambda match: ordinal(int(match[1])), pattern.explain())
        return said.replace("day of month", "day of the month")
    said = in_words(pattern) or line.text
    return said if line.zone.key == rule.tz else f"{said}, {line.zone.key}"


def _day(local: datetime) -> str:
    return f"{local:%a} {local.day} {local:%b %Y}"


def _runs(walls: Sequence[datetime], caught: Caught) -> str:
    one, many = _FATES[caught.fate]
    after = f"{caught.jump.after:%H:%M}"
    if len(walls) == 1:
        return f"the run at {walls[0]:%H:%M} {one.format(after=after)}"
    span = f"from {walls[0]:%H:%M} to {walls[-1]:%H:%M}"
    return f"the {len(walls):,} runs {span} {many.format(after=after)}"
