"""Times, schedules and states in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.checks.schedule import Kind, Schedule
from app.checks.state import Shown, State, Status
from app.pages import words

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (41, "41 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (38 * 3_600, "38 h"),
        (2 * 86_400, "2 days"),
        (20 * 86_400, "20 days"),
        (21 * 86_400, "3 weeks"),
    ],
)
def test_a_duration_is_rounded_down_to_one_unit(seconds: int, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1 second"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (604_800, "1 week"),
        (31_536_000, "1 year"),
    ],
)
def test_a_length_is_told_in_one_unit(seconds: int, said: str) -> None:
    assert words.length(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "every second"),
        (60, "every minute"),
        (90, "every 90 seconds"),
        (7_200, "every 2 hours"),
        (86_400, "every day"),
        (1_209_600, "every 2 weeks"),
    ],
)
def test_a_period_is_said_in_the_largest_whole_unit(seconds: int, said: str) -> None:
    assert words.every(seconds) == said


def test_an_exact_length_leaves_nothing_out() -> None:
    assert words.exact(2 * 86_400 + 3_600 + 61) == "2 days 1 h 1 min 1 s"
    assert words.exact(3_600) == "1 h"
    assert words.run_time(timedelta(seconds=0.42)) == "0.4 s"
    assert words.run_time(timedelta(seconds=200)) == "3 min 20 s"


def test_a_schedule_is_said_with_its_zone_unless_that_is_utc() -> None:
    cron = Schedule(Kind.CRON, 60, "*/10 * * * *", "UTC")
    assert words.schedule(cron) == "*/10 * * * *"
    dates = Schedule(Kind.ONCALENDAR, 60, "Mon 03:30\n\nSun 05:00", "Europe/Riga")
    assert words.schedule(dates) == "Mon 03:30 · Sun 05:00 Europe/Riga"


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (NOW + HOUR, "15:00 UTC"),
        (NOW + 10 * HOUR, "22 Nov 00:00 UTC"),
        (datetime(2027, 1, 2, 3, 4, tzinfo=UTC), "2027-01-02 03:04 UTC"),
    ],
)
def test_a_time_has_its_date_unless_that_is_todays(moment: datetime, said: str) -> None:
    assert words.clock(moment, NOW) == said


DOWN = State(status=Status.DOWN, status_since=NOW - 2 * HOUR, last_ping_at=NOW - 27 * HOUR)
UP = State(status=Status.UP, status_since=NOW - 50 * HOUR, last_ping_at=NOW - 23 * HOUR)
LATE = replace(UP, due_at=NOW - HOUR, down_at=NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("state", "shown", "said"),
    [
        (DOWN, Shown.DOWN, "missed by 3 h"),
        (replace(DOWN, last_ping_at=NOW - HOUR), Shown.DOWN, "reported a failure 1 h ago"),
        (
            replace(DOWN, last_start_at=NOW - 3 * HOUR),
            Shown.DOWN,
            "started 3 h ago, never finished",
        ),
        (replace(UP, down_at=NOW - HOUR), Shown.DOWN, "missed by 2 h"),
        (LATE, Shown.LATE, "in grace until 14:05 UTC"),
        (UP, Shown.UP, ""),
        (replace(UP, last_start_at=NOW - HOUR), Shown.UP, "started 1 h ago"),
        (State(), Shown.NEW, "waiting for the first ping"),
        (State(status=Status.PAUSED), Shown.PAUSED, "resumes on ping"),
    ],
)
def test_a_check_says_what_to_know_about_it(state: State, shown: Shown, said: str) -> None:
    assert words.context(state, HOUR, False, shown, NOW) == said


def test_a_page_that_is_made_anew_each_minute_says_no_seconds() -> None:
    for seconds, said in ((-5, "just now"), (59, "just now"), (60, "1 min ago")):
        moment = NOW - timedelta(seconds=seconds)
        assert words.ago(moment, NOW, words.A_MINUTE) == said
        running = replace(UP, last_start_at=moment)
        told = words.context(running, HOUR, False, Shown.UP, NOW, just_now=words.A_MINUTE)
        assert told == f"started {said}"
