"""The oracle is a simulation: a cron daemon and a timer that look at the clock every minute."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oncalendar import BaseIterator

from app.checks import schedule as module
from app.checks.schedule import (
    Kind,
    Schedule,
    ScheduleError,
    next_due,
    upcoming,
    validate,
)

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 5, 1, 12, 34, 56, 789, tzinfo=UTC)
# Half-hour jumps, jumps at midnight, of two hours, for Ramadan, negative
# summer time, and offsets with quarters of an hour with and without jumps.
RIGA, HOWE = "Europe/Riga", "Australia/Lord_Howe"
ZONES = [
    *(RIGA, HOWE, "America/New_York", "Africa/Casablanca", "America/Havana", "Africa/Cairo"),
    *("Antarctica/Troll", "Europe/Dublin", "Pacific/Chatham", "America/St_Johns"),
    *("Asia/Kathmandu", "UTC"),
]
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def simple(period_seconds: int) -> Schedule:
    return Schedule(Kind.SIMPLE, period_seconds, "", "UTC")


def cron(expression: str, tz: str = "UTC") -> Schedule:
    return Schedule(Kind.CRON, 0, expression, tz)


def oncalendar(expression: str, tz: str = "UTC") -> Schedule:
    return Schedule(Kind.ONCALENDAR, 0, expression, tz)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def refusal(schedule: Schedule) -> ScheduleError:
    with pytest.raises(ScheduleError) as caught:
        validate(schedule)
    return caught.value


@cache
def jumps(tz: str) -> list[datetime]:
    """Return the hours of 2024-2027 after which the zone's offset is another; mid-2026 if none."""
    zone, found = ZoneInfo(tz), []
    hour = utc("2024-01-01")
    for _ in range(4 * 366 * 24):
        after = hour + timedelta(hours=1)
        if hour.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            found.append(hour)
        hour = after
    return found or [utc("2026-06-30T23:00")]


@dataclass(frozen=True)
class Pattern:
    """Minutes, hours and days of the week, in the words of cron and of OnCalendar."""

    minute: str
    hour: str
    weekday: int | None  # Monday is 0

    def as_cron(self) -> str:
        day = "*" if self.weekday is None else str(self.weekday + 1)
        return f"{self.minute} {self.hour} * * {day}"

    def as_oncalendar(self) -> str:
        day = "" if self.weekday is None else DAYS[self.weekday]
        minute, hour = (text.replace("*/", "0/") for text in (self.minute, self.hour))
        return f"{day} {hour}:{minute}".strip()

    def shows(self, wall: datetime) -> bool:
        return (
            has(self.minute, wall.minute)
            and has(self.hour, wall.hour)
            and self.weekday in (None, wall.weekday())
        )

    def has_star(self) -> bool:
        return "*" in self.minute or "*" in self.hour


def has(field: str, value: int) -> bool:
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    return field == "*" or str(value) in field.split(",")


def walls_run_at(minute: datetime, zone: ZoneInfo, *, star: bool) -> Iterator[datetime]:
    """Yield the wall-clock minutes for which Debian's cron runs jobs at this minute."""
    local = minute.astimezone(zone)
    wall = local.replace(tzinfo=None, fold=0)
    if star:
        yield wall
    elif local.fold == 0:
        before = (minute - MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
        while before < wall:
            before += MINUTE
            yield before


def simulated(pattern: Pattern, schedule: Schedule, after: datetime, hours: int) -> datetime | None:
    """Return the first minute after `after` at which the simulation runs, within `hours`."""
    zone = ZoneInfo(schedule.tz)
    minute = after.replace(second=0, microsecond=0)
    for _ in range(hours * 60):
        minute += MINUTE
        if schedule.kind == Kind.CRON:
            walls = walls_run_at(minute, zone, star=pattern.has_star())
            if any(pattern.shows(wall) for wall in walls):
                return minute
        elif minute.astimezone(zone).fold == 0 and pattern.shows(minute.astimezone(zone)):
            return minute
    return None


def lists(top: int) -> st.SearchStrategy[str]:
    return st.lists(st.integers(0, top), min_size=1, max_size=4, unique=True).map(
        lambda values: ",".join(map(str, sorted(values)))
    )


steps = st.sampled_from(["*", "*/5", "*/7", "*/15", "*/30"])
patterns = st.builds(
    Pattern,
    steps | lists(59),
    st.sampled_from(["*", "*/2", "*/3"]) | lists(4) | lists(23),
    st.none() | st.integers(0, 6),
)


@st.composite
def near_a_jump(draw: st.DrawFn) -> tuple[str, datetime]:
    tz = draw(st.sampled_from(ZONES))
    seconds = draw(st.integers(-4 * 3600, 4 * 3600))
    micros = draw(st.sampled_from([0, 0, 1, 999_999]))
    return tz, draw(st.sampled_from(jumps(tz))) + timedelta(seconds=seconds, microseconds=micros)


times = st.datetimes(utc("2000-01-01").replace(tzinfo=None), utc("2150-01-01").replace(tzinfo=None))
moments = times.map(lambda time: time.replace(tzinfo=UTC))
expressions = st.sampled_from(
    [
        "* * * * *",
        "*/5 3 * * *",
        "30 3 * * *",
        "17 */2 1,15 * 1",
        "0 0 L * *",
        "0 12 29 2 *",
        "5 4 * * 5#2",
    ]
)
calendars = st.sampled_from(
    ["hourly", "*:0/15:30", "Mon 03:30", "*-02-29", "daily\n3:30 Asia/Tokyo"]
)
schedules = (
    st.builds(simple, st.integers(1, 31_536_000))
    | st.builds(cron, expressions, st.sampled_from(ZONES))
    | st.builds(oncalendar, calendars, st.sampled_from(ZONES))
)


# --- when is it due?


def test_a_simple_check_is_due_one_period_later() -> None:
    assert next_due(simple(90), NOW) == NOW + timedelta(seconds=90)


def test_a_cron_check_is_due_at_its_wall_clock_time_given_in_utc() -> None:
    due = next_due(cron("30 3 * * *", "Europe/Riga"), NOW)
    assert due == utc("2026-05-02T00:30")
    assert due is not None
    assert due.tzinfo is UTC


def test_a_ping_one_second_before_a_slot_does_not_count_for_that_slot() -> None:
    assert next_due(cron("0 * * * *"), utc("2026-05-01T12:59:59")) == utc("2026-05-01T13:00")
    assert next_due(cron("0 * * * *"), utc("2026-05-01T13:00")) == utc("2026-05-01T14:00")


def test_oncalendar_lines_are_merged_and_may_have_zones_of_their_own() -> None:
    lines = oncalendar("12:00\n\n 12:00 Europe/Riga \n", "America/New_York")
    assert upcoming(lines, NOW, 3) == [
        utc("2026-05-01T16:00"),
        utc("2026-05-02T09:00"),
        utc("2026-05-02T16:00"),
    ]


def test_an_exhausted_oncalendar_has_no_next_date() -> None:
    assert next_due(oncalendar("2026-05-01 12:00"), NOW) is None
    assert upcoming(oncalendar("2026-05-01 14:00\n2026-05-02"), NOW, 5) == [
        utc("2026-05-01T14:00"),
        utc("2026-05-02"),
    ]


def test_a_preview_shows_as_many_dates_as_were_asked_for() -> None:
    assert upcoming(simple(60), NOW, 2) == [NOW + MINUTE, NOW + 2 * MINUTE]
    assert upcoming(simple(60), NOW, 0) == []


def test_a_naive_time_is_refused_rather_than_taken_for_the_server_s_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        next_due(cron("* * * * *"), NOW.replace(tzinfo=None))


@given(schedules, moments)
def test_the_next_date_is_strictly_later_and_every_preview_date_too(
    schedule: Schedule, after: datetime
) -> None:
    dates = [after, *upcoming(schedule, after, 4)]
    assert len(dates) == 5
    assert all(earlier < later for earlier, later in pairwise(dates))


@given(schedules, moments, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_later_ping_is_never_due_earlier(
    schedule: Schedule, after: datetime, delay: timedelta
) -> None:
    first, second = next_due(schedule, after), next_due(schedule, after + delay)
    assert first is not None
    assert second is not None
    assert first <= second


@given(schedules, st.datetimes(timezones=st.just(UTC)))
def test_no_moment_of_the_calendar_raises(schedule: Schedule, after: datetime) -> None:
    due = next_due(schedule, after)
    assert due is None or due > after


def test_beyond_the_calendar_nothing_is_due() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    for schedule in (simple(60), cron("0 0 1 1 *"), cron("* * * * *", "Asia/Tokyo")):
        assert next_due(schedule, end) is None


# --- when the clock jumps


@settings(max_examples=600, deadline=None)
@given(near_a_jump(), patterns)
def test_cron_near_a_jump_is_due_when_debian_s_cron_runs(
    place: tuple[str, datetime], pattern: Pattern
) -> None:
    tz, after = place
    schedule = cron(pattern.as_cron(), tz)
    expected, due = simulated(pattern, schedule, after, 12), next_due(schedule, after)
    assert due is not None
    assert due == expected or (expected is None and due > after + timedelta(hours=11))


@settings(max_examples=400, deadline=None)
@given(near_a_jump(), patterns)
def test_oncalendar_near_a_jump_is_due_at_each_shown_time_once(
    place: tuple[str, datetime], pattern: Pattern
) -> None:
    tz, after = place
    schedule = oncalendar(pattern.as_oncalendar(), tz)
    expected, due = simulated(pattern, schedule, after, 12), next_due(schedule, after)
    assert due is not None
    assert due == expected or (expected is None and due > after + timedelta(hours=11))


@settings(deadline=None)
@given(st.sampled_from(ZONES), moments, patterns)
def test_away_from_jumps_cron_agrees_with_cronsim(
    tz: str, after: datetime, pattern: Pattern
) -> None:
    zone = ZoneInfo(tz)
    local = after.astimezone(zone)
    due = next(CronSim(pattern.as_cron(), local)).astimezone(UTC)
    hour = timedelta(hours=1)
    around = [after - 3 * hour, after + 3 * hour, due - 3 * hour, due + 3 * hour]
    assume(len({time.astimezone(zone).utcoffset() for time in around}) == 1)
    assert next_due(cron(pattern.as_cron(), tz), after) == due


@pytest.mark.parametrize(
    ("schedule", "after", "dates"),
    [
        # Riga's clock goes from 03:00 to 04:00 on 29 March 2026, at 01:00 UTC,
        (cron("30 3 * * *", RIGA), "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        (cron("30 * * * *", RIGA), "2026-03-29T00:00", ["2026-03-29T00:30", "2026-03-29T01:30"]),
        (cron("*/30 3 * * *", RIGA), "2026-03-29T00:00", ["2026-03-30T00:00"]),
        (oncalendar("3:30", RIGA), "2026-03-28T12:00", ["2026-03-30T00:30"]),
        (oncalendar("3:30 Europe/Riga"), "2026-03-28T12:00", ["2026-03-30T00:30"]),
        # and from 04:00 to 03:00 on 25 October 2026, at 01:00 UTC.
        (cron("30 3 * * *", RIGA), "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        (cron("30 3 * * *", RIGA), "2026-10-25T01:10", ["2026-10-26T01:30"]),
        (cron("30 * * * *", RIGA), "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T01:30"]),
        (oncalendar("*:30", RIGA), "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T02:30"]),
        (oncalendar("*:*:*", RIGA), "2026-10-25T00:59:59", ["2026-10-25T02:00"]),
        (oncalendar("*:*:10,40", RIGA), "2026-10-25T01:20:20", ["2026-10-25T02:00:10"]),
        # Lord Howe's goes back by half an hour, 02:00 to 01:30, on 5 April 2026, at 15:00 UTC.
        (cron("*/15 2 * * *", HOWE), "2026-04-04T14:10", ["2026-04-04T15:30"]),
        (cron("40 1 * * *", HOWE), "2026-04-04T14:00", ["2026-04-04T14:40", "2026-04-05T15:10"]),
        (cron("40 * * * *", HOWE), "2026-04-04T14:00", ["2026-04-04T14:40", "2026-04-04T15:10"]),
    ],
)  # fmt: skip
def test_the_jumps_of_2026(schedule: Schedule, after: str, dates: list[str]) -> None:
    assert upcoming(schedule, utc(after), len(dates)) == [utc(date) for date in dates]


def test_a_schedule_with_all_its_dates_in_gaps_is_never_due_again() -> None:
    # Riga kept no summer time in 2000, so that both are valid.
    for schedule in (
        cron("* 3 25-31 3 */7", "Europe/Riga"),
        oncalendar("Sun 3-25..31 3:*:*", "Europe/Riga"),
    ):
        validate(schedule)
        assert next_due(schedule, NOW) is None


def test_a_date_after_years_of_gaps_is_found() -> None:
    schedule = oncalendar("Sun 3-25..31 3:*:*", RIGA)
    assert next_due(schedule, utc("1997-01-01")) == utc("2000-03-26T01:00")


@pytest.mark.parametrize(
    ("library", "schedule"),
    [
        (CronSim, cron("* 2 25-31 3 */7", "Europe/Berlin")),
        (BaseIterator, oncalendar("Sun 3-25..31 2:*:*", "Europe/Berlin")),
    ],
)
def test_a_search_through_gaps_takes_one_step_a_year_for_half_a_century(
    library: type[CronSim | BaseIterator], schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    module._lines.cache_clear()
    found: list[datetime] = []
    step = library.__next__

    def counted(walk: CronSim | BaseIterator) -> datetime:
        found.append(step(walk))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(library, "__next__", counted)
    assert next_due(schedule, NOW) is None
    assert len(found) == 51


# --- remembering


@settings(deadline=None)
@given(schedules, st.lists(moments, min_size=1, max_size=3), st.data())
def test_what_is_remembered_never_changes_an_answer(
    schedule: Schedule, bases: list[datetime], data: st.DataObject
) -> None:
    close = st.sampled_from([-7200, -3600, -61, -1, 0, 0, 1, 59, 3600, 86400])
    nearby = st.builds(lambda base, s: base + timedelta(seconds=s), st.sampled_from(bases), close)
    queries = data.draw(st.lists(nearby, min_size=2, max_size=12))
    module._lines.cache_clear()
    remembered = [next_due(schedule, after) for after in queries]
    for after, due in zip(queries, remembered, strict=True):
        module._lines.cache_clear()
        assert next_due(schedule, after) == due


def test_pings_in_one_interval_are_answered_without_another_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = cron("0 * * * *", "Europe/Riga")
    due = next_due(schedule, utc("2026-05-01T12:00"))
    monkeypatch.delattr(CronSim, "__next__")
    assert next_due(schedule, utc("2026-05-01T12:59:59")) == due
    with pytest.raises(TypeError):
        next_due(schedule, utc("2026-05-01T13:00"))


def test_logs_that_are_folded_again_share_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = [utc(f"2026-05-01T{hour}:{minute}") for hour in (12, 13, 12) for minute in (10, 50)]
    dues = [next_due(cron("*/30 * * * *"), minute) for minute in minutes]
    monkeypatch.delattr(CronSim, "__next__")
    for seconds in (0, 7.5, 59.999999):
        again = [minute + timedelta(seconds=seconds) for minute in minutes]
        assert [next_due(cron("*/30 * * * *"), after) for after in again] == dues


def test_a_line_that_is_over_is_not_searched_again_with_every_ping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = oncalendar("2026-05-01\n2,4,6,9,11-31")
    assert next_due(schedule, NOW) is None
    monkeypatch.delattr(BaseIterator, "__next__")
    assert next_due(schedule, NOW + timedelta(days=400)) is None


def test_the_memory_is_bounded() -> None:
    assert module._lines.cache_info().maxsize == 8192
    assert module._found_by_minute.cache_info().maxsize == 16_384


# --- what is refused


@pytest.mark.parametrize("seconds", [60, 31_536_000])
def test_periods_from_a_minute_to_a_year_are_valid(seconds: int) -> None:
    validate(simple(seconds))


@pytest.mark.parametrize("seconds", [-1, 0, 59, 31_536_001])
def test_other_periods_are_refused(seconds: int) -> None:
    refused = refusal(simple(seconds))
    assert refused.field == "period"
    assert f"{seconds} s is out of 60 to 31536000 s" in str(refused)


def test_the_bounds_can_be_set() -> None:
    validate(simple(1), min_period_seconds=1)
    with pytest.raises(ScheduleError):
        validate(simple(90), max_period_seconds=89)


@pytest.mark.parametrize(
    "expression",
    ["*/5 * * * *", " 0 0 * * * ", "0 0 L * *", "0 0 LW * *", "0 0 * * 1#5", "0 0 * * 5L",
     "0 9-17 * JAN-mar mon,Fri", "0 0 29 2 */7", "0 0 31 1,2 *"],
)  # fmt: skip
def test_cronsim_s_expressions_are_valid(expression: str) -> None:
    validate(cron(expression))


@pytest.mark.parametrize(
    "expression",
    ["", " ", "daily", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *",
     "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "* * *\n* *", "٣ * * * *",
     "0 0 31 2 *", "0 0 */31 * 1L"],
)  # fmt: skip
def test_a_cron_expression_that_does_not_parse_or_never_happens_is_refused(expression: str) -> None:
    assert refusal(cron(expression)).field == "schedule"


@pytest.mark.parametrize(
    "expression",
    ["daily", "Mon..Fri 9:00", "*-*~1 12:00", "2026-05-01", "2001-01-01",
     "12:00 UTC\n13:00 US/Eastern", "*-2-31\ndaily"],
)  # fmt: skip
def test_oncalendar_s_expressions_are_valid_also_when_they_are_over(expression: str) -> None:
    validate(oncalendar(expression))


@pytest.mark.parametrize(
    "expression",
    ["", "\n", "UTC", "nope", "12:00\nnope", "25:00", "1999-12-31", "*-02-30", "*-*-* 1:00 2:00",
     "12:00 Europe", "12:00 ../../etc/passwd", "12:00 localtime", "12:00 right/Europe/Riga"],
)  # fmt: skip
def test_an_oncalendar_that_does_not_parse_or_never_happened_is_refused(expression: str) -> None:
    assert refusal(oncalendar(expression)).field == "schedule"


def test_a_form_can_insist_on_a_date_in_the_future() -> None:
    validate(oncalendar("2026-05-02"), since=NOW)
    with pytest.raises(ScheduleError, match="never happens after 2026-05-01"):
        validate(oncalendar("2026-05-01"), since=NOW)


def test_schedules_have_at_most_100_characters() -> None:
    minutes = ",".join(["0"] * 46) + " * * * *"
    assert len(minutes) == 99
    validate(cron(minutes + " "))
    assert "101 characters" in str(refusal(cron(minutes + "  ")))
    assert refusal(oncalendar("daily\n" * 17)).field == "schedule"


@pytest.mark.parametrize(
    "tz", ["", "Mars/Olympus", "Europe", "europe/riga", "localtime", "Factory", "right/Europe/Riga",
           "posix/UTC", "../UTC", "/etc/passwd", "UTC\0", "x" * 37, "x" * 10_000],
)  # fmt: skip
def test_an_unknown_zone_is_refused_for_every_kind(tz: str) -> None:
    for kind, text in ((Kind.SIMPLE, ""), (Kind.CRON, "* * * * *"), (Kind.ONCALENDAR, "daily")):
        error = refusal(Schedule(kind, 60, text, tz))
        assert error.field == "tz"
        assert len(str(error)) < 200


@pytest.mark.parametrize("expression", ["0 0 31 2 *", "0 0 30,31 FEB *", "0 0 31 4,6,9,11 *"])
def test_a_date_that_never_comes_is_called_so(expression: str) -> None:
    assert "is a date that never comes" in str(refusal(cron(expression)))


@pytest.mark.parametrize(
    ("expression", "field"),
    [("0 0 32 2 *", "day-of-month"), ("0 0 31 13 *", "month"), ("60 0 31 2 *", "minute")],
)
def test_a_bad_field_is_named_also_beside_a_late_day(expression: str, field: str) -> None:
    assert f"Bad {field};" in str(refusal(cron(expression)))


def test_a_refusal_says_what_which_why_and_what_to_do() -> None:
    assert str(refusal(cron("61 * * * *"))) == (
        "Cannot read '61 * * * *': Bad minute; correct it, see crontab(5)."
    )
    assert "systemd.time(7)" in str(refusal(oncalendar("25:00")))
    assert "IANA" in str(refusal(cron("* * * * *", "Mars/Olympus")))


# --- broken rows


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (simple(0), "period"),
        (simple(-60), "period"),
        (cron(""), "schedule"),
        (cron("not a cron"), "schedule"),
        (cron("0 0 31 2 *"), "schedule"),
        (cron("* * * * *", "Mars/Olympus"), "tz"),
        (oncalendar("Mon" + "," * 5000), "schedule"),
        (oncalendar("12:00 Europe"), "schedule"),
        (Schedule("weekly", 60, "daily", "UTC"), "kind"),  # type: ignore[arg-type]
    ],
)
def test_a_broken_row_raises_schedule_error(row: Schedule, field: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        next_due(row, NOW)
    assert caught.value.field == field


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(list(Kind)),
    st.text(alphabet="0123456789*/-,.~:#LW MonUTC\n\t\0²٣", max_size=30) | st.text(max_size=101),
    st.sampled_from(ZONES) | st.text(max_size=40),
)
def test_no_text_raises_anything_but_schedule_error(kind: Kind, expression: str, tz: str) -> None:
    schedule = Schedule(kind, 60, expression, tz)
    try:
        validate(schedule)
    except ScheduleError:
        pass
    else:
        due = next_due(schedule, NOW)
        assert due is None or due > NOW
    try:
        next_due(schedule, NOW)
    except ScheduleError:
        with pytest.raises(ScheduleError):
            validate(schedule)
