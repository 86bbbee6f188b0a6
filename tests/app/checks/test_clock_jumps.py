"""What is told of a jump is what `schedule` does then."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.checks.clock_jumps import AHEAD, Caught, Fate, Jump, caught, jumps
from app.checks.schedule import Kind, Schedule, lines_of, next_due

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
RIGA, HOWE = "Europe/Riga", "Australia/Lord_Howe"
ZONES = [RIGA, HOWE, "America/Havana", "Africa/Casablanca", "Antarctica/Troll", "America/New_York"]
SECOND = timedelta(seconds=1)


def cron(expression: str, tz: str = RIGA) -> Schedule:
    return Schedule(Kind.CRON, 0, expression, tz)


def oncalendar(expression: str, tz: str = RIGA) -> Schedule:
    return Schedule(Kind.ONCALENDAR, 0, expression, tz)


def told(schedule: Schedule) -> list[str]:
    return [f"{one.walls[0]:%m-%d %H:%M} {one.fate.name.lower()}" for one in caught(schedule, NOW)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (cron("30 3 * * *"), ["03-28 03:30 moved", "10-31 03:30 once"]),
        (cron("*/30 3 * * *"), ["03-28 03:00 skipped", "10-31 03:00 twice"]),
        (oncalendar("3:30"), ["03-28 03:30 skipped", "10-31 03:30 once"]),
        (oncalendar("3:30 Europe/Riga", "UTC"), ["03-28 03:30 skipped", "10-31 03:30 once"]),
        (oncalendar("3:30 UTC\n4:30"), []),
        (cron("30 3 * * 1-5"), []),
        (cron("30 3 * * *", "UTC"), []),
        (cron("0 12 * * *"), []),
        # Every ten minutes stays every ten minutes; an OnCalendar rests in the second pass.
        (cron("*/10 * * * *"), []),
        (oncalendar("*:0/10"), ["10-31 03:00 once"]),
        # Half an hour is not a whole hour.
        (cron("0 * * * *", HOWE), ["10-03 02:00 skipped"]),
        (Schedule(Kind.SIMPLE, 60, "", RIGA), []),
    ],
)
def test_the_jumps_ahead(schedule: Schedule, expected: list[str]) -> None:
    assert told(schedule) == expected


def test_a_jump_is_found_to_the_second() -> None:
    spring, autumn = jumps(ZoneInfo(RIGA), NOW)
    assert spring.at == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert [f"{time:%H:%M:%S}" for time in (spring.before, spring.after)] == [
        "03:00:00",
        "04:00:00",
    ]
    assert [f"{time:%H:%M:%S}" for time in (autumn.before, autumn.after)] == [
        "04:00:00",
        "03:00:00",
    ]
    assert (spring.is_forward, autumn.is_forward) == (True, False)


def test_a_jump_that_is_over_is_not_told() -> None:
    zone = ZoneInfo(RIGA)
    first = jumps(zone, NOW)[0].at
    assert jumps(zone, first - SECOND)[0].at == first
    assert jumps(zone, first)[0].at > first


def test_a_line_that_never_happens_again_is_not_searched() -> None:
    assert caught(oncalendar("2026-05-01\n2,4,6,9,11-31\n3:30"), NOW)


hours = st.sampled_from(["*", "*/2", "0-6", "2,3", "3", "2", "1", "0", "0,23"])
minutes = st.sampled_from(["0", "30", "*/10", "*/30", "*", "0,15,45", "59"])
crons = st.builds(
    lambda m, h, tz: cron(f"{m} {h} * * *", tz), minutes, hours, st.sampled_from(ZONES)
)
calendars = st.builds(
    lambda m, h, tz: oncalendar(f"{h}:{m}".replace("*/", "0/").replace("-", ".."), tz),
    *(minutes, hours, st.sampled_from(ZONES)),
)


@settings(max_examples=150)
@given(crons | calendars)
def test_every_fate_comes_true(schedule: Schedule) -> None:
    warned = {one.jump: one for one in caught(schedule, NOW)}
    (line,) = lines_of(schedule)
    for jump in jumps(line.zone, NOW, AHEAD):
        low, high = jump.stretch
        length = high - low
        earlier = occurrences(schedule, jump.at - length, jump.at)
        later = occurrences(schedule, jump.at, jump.at + length)
        if jump in warned:
            assert came_true(warned[jump], earlier + later)
        elif line.walls(low, high):
            assert [due + length for due in earlier] == later


def occurrences(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """Return what is due in [start, end)."""
    found: list[datetime] = []
    due = next_due(schedule, start - SECOND)
    while due and due < end:
        found.append(due)
        due = next_due(schedule, due)
    return found


def came_true(one: Caught, around: list[datetime]) -> bool:
    jump, count = one.jump, len(one.walls)
    if one.fate is Fate.MOVED:
        return jump.at in around
    if one.fate is Fate.SKIPPED:
        return not any(shown_at(jump, due) in one.walls for due in around)
    if one.fate is Fate.ONCE:
        return len(around) == count and all(due < jump.at for due in around)
    return len(around) == 2 * count


def shown_at(jump: Jump, due: datetime) -> datetime:
    return due.astimezone(jump.zone).replace(tzinfo=None)
