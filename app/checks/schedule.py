"""When is a check due? Pure: no Django, no clock, no network.

What happens when a zone's clock jumps (measured against Debian cron's rules
as cronsim has them, and against systemd 252):

                                  time in the gap      time in the repeated hour
  cron, fixed minute and hour     at the gap's end     once, in the first pass
  cron, minute or hour has a *    does not happen      in both passes
  OnCalendar                      does not happen      once, in the first pass

The libraries walk naive wall-clock times only, and the jumps are handled here:
given a zone, cronsim and oncalendar answer with times *before* `after` in the
second pass, and cronsim misses times in half-hour zones (Australia/Lord_Howe).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oncalendar import BaseIterator, OnCalendarError

from app.checks.zones import MAX_TZ_CHARS, current_names, zone_of_name

MAX_EXPRESSION_CHARS = 100
MAX_SECONDS = 31_536_000  # of a period or a grace: a year
FIRST_YEAR = datetime(2000, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
_NAIVE_START = datetime(2000, 1, 1)  # noqa: DTZ001


class Kind(StrEnum):
    """How a schedule is written; the values are stored and sent."""

    SIMPLE = "simple"
    CRON = "cron"
    ONCALENDAR = "oncalendar"


_SIMPLE = Kind.SIMPLE  # an enum takes long to find its member


@dataclass(frozen=True, slots=True)
class Schedule:
    """`period_seconds` counts for simple; `expression` and `tz` for the others.

    OnCalendar takes several lines, each with a zone of its own if it likes.
    """

    kind: Kind
    period_seconds: int
    expression: str
    tz: str


class ScheduleError(ValueError):
    """`field` is what to correct: kind, period, grace, schedule or tz."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def next_due(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first occurrence strictly after `after`; both aware and UTC.

    None when there is no further one: an OnCalendar is exhausted (all end in
    2199), every date of 50 years falls into a gap, or the answer lies beyond the
    year 9999. Raises ScheduleError, and nothing else, for a row that has no meaning.

    Cost: simple 0.3 us; the others 1 us inside the interval of the last answer, 2 us
    where cron was asked in that minute before, else 20-30 us a line, 0.2 ms for a
    rare date, 20 ms a line to find nothing.
    """
    if after.tzinfo is None:
        raise ValueError(f"next_due needs an aware time, got {after!r}")
    try:
        if schedule.kind == _SIMPLE:
            return after + _period(schedule.period_seconds)
        lines = _lines(schedule.kind, schedule.expression, schedule.tz)
        return min((due for line in lines if (due := line.next_after(after))), default=None)
    except OverflowError:
        return None


def upcoming(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` occurrences; fewer when there are no more."""
    dates: list[datetime] = []
    while len(dates) < count and (due := next_due(schedule, dates[-1] if dates else after)):
        dates.append(due)
    return dates


def validate(
    schedule: Schedule,
    *,
    min_period_seconds: int = 60,
    max_period_seconds: int = MAX_SECONDS,
    since: datetime = FIRST_YEAR,
) -> None:
    """Raise ScheduleError unless there is an occurrence after `since`.

    An OnCalendar that lies wholly in the past is valid by default: else a check
    could not be renamed once its one date had gone by, and validity would need
    a clock. A form that wants a future date passes `since=now`.

    The length bounds the time: the worst found in 100 characters, seven lines of
    `2,4,6,9,11-31`, takes 0.15 s to refuse.
    """
    _zone(schedule.tz)
    if schedule.kind == Kind.SIMPLE:
        _check_bounds("period", schedule.period_seconds, min_period_seconds, max_period_seconds)
    elif next_due(schedule, since) is None:
        never = f"{schedule.expression!r} never happens after {since:%Y-%m-%d}"
        raise ScheduleError("schedule", f"{never}; use dates and times that the zone has.")


def lines_of(schedule: Schedule) -> tuple[Line, ...]:
    """Return the lines of a cron or OnCalendar schedule, parsed; none of a simple one.

    Raises ScheduleError. Costs 0.5 us for a schedule that was seen before.
    """
    if schedule.kind == Kind.SIMPLE:
        return ()
    return _lines(schedule.kind, schedule.expression, schedule.tz)


def _check_bounds(field: str, seconds: int, low: int, high: int) -> None:
    if not low <= seconds <= high:
        raise ScheduleError(field, f"A {field} of {seconds} s is out of {low} to {high} s.")


@lru_cache(maxsize=8192)
def _period(seconds: int) -> timedelta:
    _check_bounds("period", seconds, 1, sys.maxsize)
    return timedelta(seconds=seconds)


@lru_cache(maxsize=8192)
def _lines(kind: Kind, expression: str, tz: str) -> tuple[Line, ...]:
    """Return what all checks with this schedule share: 0.6 kB each, 5 MB at most."""
    if not expression.strip():
        raise ScheduleError("schedule", "The schedule is empty; give an expression.")
    if (length := len(expression)) > MAX_EXPRESSION_CHARS:
        too_long = f"The schedule has {length} characters; use {MAX_EXPRESSION_CHARS} or fewer."
        raise ScheduleError("schedule", too_long)
    try:
        if kind == Kind.CRON:
            return (_parse_cron(expression.strip(), _zone(tz)),)
        if kind == Kind.ONCALENDAR:
            lines = [line for line in expression.split("\n") if line.strip()]
            return tuple(_parse_oncalendar(line, _zone(tz)) for line in lines)
    except (CronSimError, OnCalendarError) as error:
        manual = "crontab(5)" if kind == Kind.CRON else "systemd.time(7)"
        message = f"Cannot read {expression!r}: {error}; correct it, see {manual}."
        raise ScheduleError("schedule", message) from error
    raise ScheduleError("kind", f"Kind {kind!r} is unknown; use one of {', '.join(Kind)}.")


def _parse_cron(text: str, zone: ZoneInfo) -> Line:
    fields = text.split()
    if len(fields) != 5 or "\n" in text:
        raise CronSimError("Not one line of five fields")
    has_star = fields[0].startswith("*") or fields[1].startswith("*")
    try:
        return Line(CronSim, text, zone, repeats=has_star, catches_up=not has_star)
    except CronSimError:
        # cronsim calls 31 February a bad day. When month and all else are good alone, say why.
        for part in ((*fields[:3], "*", fields[4]), ("*", "*", "*", fields[3], "*")):
            CronSim(" ".join(part), _NAIVE_START)
        never = f"{text!r} is a date that never comes: none of its months has such a day."
        raise ScheduleError("schedule", never) from None


def _parse_oncalendar(text: str, zone: ZoneInfo) -> Line:
    # oncalendar's TzIterator would open any zone file that the last word names.
    words = text.split()
    if words[-1] in current_names():
        zone = _zone(words.pop())
    return Line(BaseIterator, " ".join(words), zone)


class Line:
    """One cron expression or one line of OnCalendar, and how it takes clock jumps.

    `repeats`: happens in both passes of a repeated hour, not in the first only.
    `catches_up`: a time in the gap happens at the gap's end, and is not skipped.

    A line remembers its last answer, which holds for the whole interval before
    it. Each for itself: a line that never happens again is searched once only.
    """

    def __init__(
        self,
        wall_times: type[CronSim | BaseIterator],
        text: str,
        zone: ZoneInfo,
        *,
        repeats: bool = False,
        catches_up: bool = False,
    ) -> None:
        wall_times(text, _NAIVE_START)  # raises when the text does not parse
        self.text, self.zone = text, zone
        self.repeats, self.catches_up = repeats, catches_up
        self.is_by_minute = wall_times is CronSim
        self._wall_times = wall_times
        # One attribute holds both ends, so that a thread sees a whole interval.
        self._interval: tuple[datetime, datetime | None] | None = None

    def next_after(self, after: datetime) -> datetime | None:
        """Return the first occurrence strictly after `after`; None when there is none."""
        interval = self._interval
        if interval is None or after < interval[0] or (interval[1] and after >= interval[1]):
            interval = self._interval = (after, _found(self, after))
        return interval[1]

    def pattern(self) -> CronSim | BaseIterator:
        """Return what the library made of the text: a set of values for each field."""
        return self._wall_times(self.text, _NAIVE_START)

    def walls(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the wall-clock times of [start, end), naive, before any jump is minded."""
        return list(takewhile(end.__gt__, self._wall_times(self.text, start - SECOND)))

    def find(self, after: datetime) -> datetime | None:
        """Return what `next_after` does, from the pattern and not from memory."""
        local = after.astimezone(self.zone)
        wall = local.replace(tzinfo=None, fold=0)
        dues = [self._search(wall, after)]
        setback = local.replace(fold=1).astimezone(UTC) - after
        if setback:
            # The clock is yet to go back over times that it has already shown.
            dues.append(self._search(wall - setback, after))
        return min(filter(None, dues), default=None)

    def _search(self, wall: datetime, after: datetime) -> datetime | None:
        # cronsim gives up after 50 years too, but each restart would renew them.
        last_year = wall.year + 50
        while (found := next(self._wall_times(self.text, wall), None)) is not None:
            for instant in self._instants(found):
                if instant > after:
                    return instant
            if found.year > last_year:
                break
            # Leap over the gap or the repeated hour, which may hold 3,600 times.
            wall = max(found, _end_of_jump(found, self.zone) - SECOND)
        return None

    def _instants(self, wall: datetime) -> tuple[datetime, ...]:
        """Return the moments, in order, at which the job of this wall-clock time is due."""
        local = wall.replace(tzinfo=self.zone)
        first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        if first > second and self.catches_up:
            return (_end_of_jump(wall, self.zone).replace(tzinfo=self.zone).astimezone(UTC),)
        if first > second:
            return ()
        if first < second and self.repeats:
            return (first, second)
        return (first,)


def _found(line: Line, after: datetime) -> datetime | None:
    """Search; where a late ping is folded with its log, checks that agree share the steps.

    Occurrences of cron are whole minutes, of OnCalendar whole seconds: what is next is
    the same from anywhere in a minute. (Zones had offsets with seconds until 1972.)
    """
    if line.is_by_minute and after >= FIRST_YEAR:
        return _found_by_minute(line, after.replace(second=0, microsecond=0))
    return line.find(after)


@lru_cache(maxsize=16_384)
def _found_by_minute(line: Line, minute: datetime) -> datetime | None:
    return line.find(minute)


def _end_of_jump(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first whole minute, from that of `wall`, that the clock shows exactly once."""
    local = wall.replace(second=0, tzinfo=zone)
    while local.utcoffset() != local.replace(fold=1).utcoffset():
        local += MINUTE
    return local.replace(tzinfo=None)


def _zone(name: str) -> ZoneInfo:
    zone = zone_of_name(name)
    if zone is None:
        short = name[:MAX_TZ_CHARS]
        raise ScheduleError("tz", f"Time zone {short!r} is unknown; use an IANA name: Europe/Riga.")
    return zone
