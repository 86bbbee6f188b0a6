"""The words for a line of OnCalendar, read back, name the times at which it happens."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oncalendar import BaseIterator

from app.checks.schedule import Kind, Schedule, lines_of, upcoming
from app.pages.calendar_words import in_words, ordinal

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def said(expression: str) -> str | None:
    (line,) = lines_of(Schedule(Kind.ONCALENDAR, 0, expression, "UTC"))
    pattern = line.pattern()
    assert isinstance(pattern, BaseIterator)
    return in_words(pattern)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("daily", "At 00:00 every day"),
        ("weekly", "At 00:00 on Monday"),
        ("hourly", "Every hour"),
        ("minutely", "Every minute"),
        ("monthly", "At 00:00 on the 1st of every month"),
        ("quarterly", "At 00:00 on the 1st of January, April, July and October"),
        ("yearly", "At 00:00 on the 1st of January"),
        ("Mon..Fri 03:30", "At 03:30 on Monday to Friday"),
        ("Sat,Sun 2027-*-* 8,20:00", "At 08:00 and 20:00 on Saturday and Sunday in 2027"),
        ("2027-05-01 14:00:30", "At 14:00:30 on the 1st of May in 2027"),
        ("*:0/10", "Every 10 minutes"),
        ("*:0,30", "Every 30 minutes"),
        ("*:5/10", "Every 10 minutes from 5 to 55 past"),
        ("*:0/7", "Every 7 minutes from 0 to 56 past"),
        ("*:7", "Every hour at minute 7"),
        ("*:7:9", "Every hour at minute 7 and second 9"),
        ("*:7,9", "At minutes 7 and 9 of every hour every day"),
        ("9..17:0/15", "Every 15 minutes from 09:00 to 17:59 every day"),
        ("9..17:00", "Every hour from 09:00 to 17:00 every day"),
        ("0/2:30", "Every 2 hours from 00:30 to 22:30 every day"),
        ("0/2:0/15", "Every 15 minutes of every 2nd hour from 0 to 22 every day"),
        ("1,5,9:0/15", "Every 15 minutes of the hours 1, 5 and 9 every day"),
        ("9..17:1,5", "At minutes 1 and 5 of the hours 9 to 17 every day"),
        ("*:*:*", "Every second"),
        ("*:*:0/10", "Every 10 seconds"),
        ("*:*:30", "At second 30 of every minute of every hour every day"),
        ("*:5:*", "Every second of minute 5 of every hour"),
        ("*-*-1,15 12:00", "At 12:00 on the 1st and 15th of every month"),
        ("*-*-1..7 12:00", "At 12:00 on the 1st to 7th of every month"),
        ("*-*-1/2 3:0", "At 03:00 on every 2nd day from the 1st to the 31st of every month"),
        ("Mon *-*-1..7 3:0", "At 03:00 on Monday if it falls on the 1st to 7th of every month"),
        ("Mon *-05~07/1 12:00", "At 12:00 on Monday if it falls on the last 7 days of May"),
        ("*-*~01", "At 00:00 on the last day of every month"),
        ("*-*~3,1", "At 00:00 on the last and 3rd last day of every month"),
        ("*-06..08-* 9:00", "At 09:00 every day in June to August"),
        ("0,2,3,5,7,8,11,13,17:20", None),
    ],
)
def test_a_line_in_words(expression: str, words: str | None) -> None:
    assert said(expression) == words


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st")
    ]


# --- read back: what a person takes the words to mean


def minute_of_day(words: str) -> Callable[[int, int], bool]:
    """Return whether an hour and a minute are among those that the words name."""
    if times := re.match(r"At ((?:\d\d:\d\d(?:, | and )?)+)", words):
        clocks = set(re.findall(r"\d\d:\d\d", times[1]))
        return lambda hour, minute: f"{hour:02}:{minute:02}" in clocks
    if row := re.match(r"Every(?: (\d+))? hours? from (\d\d):(\d\d) to (\d\d)", words):
        step, first, at, last = (int(group or 1) for group in row.groups())
        return lambda hour, minute: minute == at and hour in range(first, last + 1, step)
    if row := re.match(r"Every hour(?: at minute (\d+))?", words):
        at = int(row[1] or 0)
        return lambda _, minute: minute == at
    hours = hours_of(words)
    if row := re.match(r"Every(?: (\d+))? minutes?(?: from (\d+) to (\d+) past)?", words):
        step, first, last = int(row[1] or 1), int(row[2] or 0), int(row[3] or 59)
        return lambda hour, minute: hour in hours and minute in range(first, last + 1, step)
    row = re.match(r"At minutes? ([\d, toand]+?)(?: of| every)", words)
    assert row, words
    minutes = numbers(row[1])
    return lambda hour, minute: hour in hours and minute in minutes


def hours_of(words: str) -> set[int]:
    if row := re.search(r"of every (\d+)\w\w hour from (\d+) to (\d+)", words):
        return set(range(int(row[2]), int(row[3]) + 1, int(row[1])))
    if row := re.search(r"from (\d\d):00 to (\d\d):59", words):
        return set(range(int(row[1]), int(row[2]) + 1))
    named = re.search(r"of (?:the )?hours? ([\d, toand]+?)(?: every day| on|$)", words)
    return numbers(named[1]) if named else set(range(24))


def numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in re.split(r", | and ", text.strip()):
        first, _, last = part.partition(" to ")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def weekdays_of(words: str) -> set[int]:
    named = re.search(r" on ([A-Z].*)", words)
    if not named:
        return set(range(7))
    text = re.sub("|".join(DAYS), lambda match: str(DAYS.index(match[0])), named[1])
    return numbers(text)


def field(top: int) -> st.SearchStrategy[str]:
    number = st.integers(0, top)
    few = st.lists(number, min_size=1, max_size=4, unique=True)
    span = st.tuples(number, number).map(sorted)
    return st.one_of(
        st.just("*"),
        few.map(lambda values: ",".join(map(str, values))),
        span.map(lambda ends: f"{ends[0]}..{ends[1]}"),
        st.builds("{}/{}".format, st.integers(0, 5), st.integers(1, 20)),
    )


weekdays = st.sampled_from(["", "Mon ", "Mon..Fri ", "Sat,Sun ", "Mon,Wed,Fri ", "Tue..Thu,Sun "])


@settings(max_examples=100)
@given(weekdays, field(23), field(59))
def test_the_words_name_the_times_at_which_it_happens(day: str, hour: str, minute: str) -> None:
    expression = f"{day}{hour}:{minute}"
    words = said(expression)
    assume(words)
    assert words
    is_named, named_days = minute_of_day(words), weekdays_of(words)
    rule = Schedule(Kind.ONCALENDAR, 0, expression, "UTC")
    found = set(upcoming(rule, NOW, 20))
    moment = NOW
    while moment < max(found):
        moment += timedelta(minutes=1)
        named = moment.weekday() in named_days and is_named(moment.hour, moment.minute)
        assert named == (moment in found), f"{expression}: {words!r} at {moment}"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.parametrize(
    "expression",
    ["Mon-Fri 3:30", "Mon,Tue,Wed 9..11:0/20", "*-2~1", "weekly", "quarterly",
     "12,14,13,12:20,10,30",
     "Sat,Mon..Thu *-1..3-1/9 0/6:0", "2027-3-1", "*-05~07/1", "semiannually", "*:0/7"],
)  # fmt: skip
def test_systemds_own_form_of_a_line_has_the_same_words(expression: str) -> None:
    command = ["systemd-analyze", "calendar", expression]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    form = re.search(r"Normalized form: (.+)", told)
    assert said(form[1] if form else expression) == said(expression)
