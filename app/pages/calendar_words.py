"""A line of OnCalendar in words. Pure.

It reads the sets that the library made of the line, not the line's text: so
`Mon..Fri`, `Mon-Fri` and `Mon,Tue,Wed,Thu,Fri` are said alike, and what is said
is what is meant. What would not be short in words is not put into words.
"""

from calendar import day_name, month_name
from collections.abc import Callable, Collection, Iterable
from datetime import time

from oncalendar import RANGES, BaseIterator

MOST_PARTS = 7  # of a list; a longer one is easier to read as it was typed
_WEEKDAYS, _YEARS, _MONTHS, _DAYS, _HOURS = map(set, RANGES[:5])


class TooMuchError(Exception):
    """A list would take more words than a person reads."""


def in_words(pattern: BaseIterator) -> str | None:
    """Return "At 03:30 on Monday to Friday", or None when no words would be better."""
    try:
        time_of_day, date = _time(pattern), _date(pattern)
    except TooMuchError:
        return None
    goes_on = time_of_day.startswith("every ") and pattern.hours == _HOURS
    words = time_of_day if goes_on and date == "every day" else f"{time_of_day} {date}"
    return words[0].upper() + words[1:]


def ordinal(number: int) -> str:
    """Return "1st", "22nd", "13th"."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else ending}"


# --- when in a day


def _time(pattern: BaseIterator) -> str:
    hours, minutes, seconds = pattern.hours, pattern.minutes, pattern.seconds
    if len(hours) * len(minutes) * len(seconds) <= MOST_PARTS:
        times = (time(h, m, s) for h in hours for m in minutes for s in seconds)
        return f"at {_listed(map(_clock, sorted(times)))}"
    if len(minutes) == len(seconds) == 1 and (row := _row(hours)):
        return _hourly(row, *minutes, *seconds)
    if seconds == {0}:
        words = _each(minutes, "minute")
    else:
        words = _within(_each(seconds, "second"), minutes, "minute")
    return _within(words, hours, "hour")


def _hourly(row: tuple[int, int, int], minute: int, second: int) -> str:
    first, step, last = row
    if (step, last - first) == (1, 23):
        at_second = f" and second {second}" if second else ""
        return f"every hour at minute {minute}{at_second}" if minute or second else "every hour"
    start, end = time(first, minute, second), time(last, minute, second)
    return f"every {_step(step, 'hour')} from {_clock(start)} to {_clock(end)}"


def _clock(moment: time) -> str:
    return moment.isoformat("seconds" if moment.second else "minutes")


def _each(values: set[int], unit: str) -> str:
    """Return how the smallest unit goes on: "every 10 minutes", "at minutes 5 and 20"."""
    row = _row(values)
    if row is None or (row[1] == 1 and len(values) < 60):
        return f"at {_named(values, unit)}"
    first, step, last = row
    goes_round = first == 0 and last + step == 60
    return f"every {_step(step, unit)}" + ("" if goes_round else f" from {first} to {last} past")


def _within(words: str, values: set[int], unit: str) -> str:
    """Add what the next larger unit restricts: "of the hours 9, 12 and 15"."""
    if len(values) == (24 if unit == "hour" else 60):
        is_clear = words.startswith("every ") and " of " not in words
        return words if is_clear else f"{words} of every {unit}"
    row = _row(values)
    if row is None:
        the = "the " if len(values) > 1 else ""
        return f"{words} of {the}{_named(values, unit)}"
    first, step, last = row
    if step > 1:
        return f"{words} of every {ordinal(step)} {unit} from {first} to {last}"
    if unit == "hour" and words.startswith("every "):
        return f"{words} from {_clock(time(first))} to {_clock(time(last, 59))}"
    return f"{words} of the {_named(values, unit)}"


def _named(values: set[int], unit: str) -> str:
    return f"{unit}{'s' if len(values) > 1 else ''} {_numbers(values, str)}"


def _step(step: int, unit: str) -> str:
    return unit if step == 1 else f"{step} {unit}s"


# --- on which days


def _date(pattern: BaseIterator) -> str:
    years, months, days, weekdays = pattern.years, pattern.months, pattern.days, pattern.weekdays
    year = "" if years == _YEARS else f"in {_numbers(years, str)}"
    month = "" if months == _MONTHS else _numbers(months, month_name.__getitem__)
    weekday = "" if weekdays == _WEEKDAYS else f"on {_numbers(weekdays, day_name.__getitem__)}"
    if days == _DAYS:
        return _join(weekday or "every day", month and f"in {month}", year)
    day = f"{_days(days)} of {month or 'every month'}"
    return _join(f"{weekday} if it falls on {day}" if weekday else f"on {day}", year)


def _days(days: set[int]) -> str:
    """Return "the 1st and 15th", "the last day"; negative ones count from the end."""
    last = sorted(-day for day in days if day < 0)
    if not last:
        row = _row(days)
        if row and row[1] > 1:
            return (
                f"every {ordinal(row[1])} day from the {ordinal(row[0])} to the {ordinal(row[2])}"
            )
        return f"the {_numbers(days, ordinal)}"
    if any(day > 0 for day in days):
        raise TooMuchError
    if last == list(range(1, len(last) + 1)):
        return "the last day" if len(last) == 1 else f"the last {len(last)} days"
    return f"the {_listed('last' if day == 1 else f'{ordinal(day)} last' for day in last)} day"


# --- lists


def _row(values: set[int]) -> tuple[int, int, int] | None:
    """Return first, step and last of values at equal distances, four at least; else None.

    Fewer do when they are the whole of a unit in equal parts: 0 and 30 of 60.
    """
    ordered = sorted(values)
    if len(ordered) < 2:
        return None
    step = ordered[1] - ordered[0]
    is_row = ordered == list(range(ordered[0], ordered[-1] + 1, step))
    is_whole = ordered[0] == 0 and ordered[-1] + step == 60
    return (ordered[0], step, ordered[-1]) if is_row and (len(ordered) > 3 or is_whole) else None


def _numbers(values: Collection[int], name: Callable[[int], str]) -> str:
    """Return a list in which three in a row and more are a range: "1, 3 and 5 to 9"."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    parts: list[str] = []
    for run in runs:
        is_range = len(run) > 2
        parts += [f"{name(run[0])} to {name(run[-1])}"] if is_range else map(name, run)
    return _listed(parts)


def _listed(parts: Iterable[str]) -> str:
    *head, last = parts
    if len(head) >= MOST_PARTS:
        raise TooMuchError
    return f"{', '.join(head)} and {last}" if head else last


def _join(*parts: str) -> str:
    return " ".join(filter(None, parts))
