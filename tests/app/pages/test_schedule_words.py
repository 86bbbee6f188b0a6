"""Schedules in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.checks.clock_jumps import caught
from app.checks.schedule import Kind, Schedule
from app.pages.schedule_words import date, explain, jump

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)


def cron(expression: str, tz: str = "Europe/Riga") -> Schedule:
    return Schedule(Kind.CRON, 0, expression, tz)


def oncalendar(expression: str, tz: str = "Europe/Riga") -> Schedule:
    return Schedule(Kind.ONCALENDAR, 0, expression, tz)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Schedule(Kind.SIMPLE, 7_200, "", "UTC"), ["Every 2 hours"]),
        (cron("30 3 * * 1-5"), ["At 03:30 on Monday through Friday"]),
        (cron("0 0 21,31 * *"), ["At 00:00 on the 21st and the 31st day of the month"]),
        (cron("0 0 11,12 * *"), ["At 00:00 on the 11th and the 12th day of the month"]),
        (
            oncalendar("3:30\nMon 5:00 UTC\n"),
            ["At 03:30 every day", "At 05:00 on Monday, UTC"],
        ),
        # Long lists are easier to read as they were typed.
        (oncalendar("0,2,3,5,7,8,11,13,17:20"), ["0,2,3,5,7,8,11,13,17:20"]),
        (cron("nonsense"), []),
        (oncalendar("3:30", "Mars/Base"), []),
    ],
)
def test_a_schedule_is_explained(rule: Schedule, said: list[str]) -> None:
    assert explain(rule) == said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (cron("30 3 * * *"), "jumps from 03:00 to 04:00: the run at 03:30 happens at 04:00."),
        (
            cron("*/30 3 * * *"),
            "jumps from 03:00 to 04:00: the 2 runs from 03:00 to 03:30 do not happen.",
        ),
        (oncalendar("3:30"), "jumps from 03:00 to 04:00: the run at 03:30 does not happen."),
    ],
)
def test_a_jump_is_told_in_a_sentence(rule: Schedule, said: str) -> None:
    first = caught(rule, NOW)[0]
    assert jump(first) == f"On Sun 28 Mar 2027 the clock in Europe/Riga {said}"


def test_a_repeated_hour_is_told_in_a_sentence() -> None:
    said = [jump(caught(rule, NOW)[1]) for rule in (cron("30 3 * * *"), cron("*/30 3 * * *"))]
    start = "On Sun 31 Oct 2027 the clock in Europe/Riga goes back from 04:00 to 03:00: the "
    assert said == [
        f"{start}run at 03:30 happens once, the first time.",
        f"{start}2 runs from 03:00 to 03:30 happen twice.",
    ]


def test_a_date_has_its_weekday_and_the_name_of_its_offset() -> None:
    assert date(NOW, ZoneInfo("Europe/Riga")) == "Sat 21 Nov 2026, 16:00 EET"
    assert date(NOW, ZoneInfo("Asia/Kathmandu")) == "Sat 21 Nov 2026, 19:45 UTC+05:45"
    assert date(NOW + timedelta(seconds=5), UTC) == "Sat 21 Nov 2026, 14:00:05 UTC"
