"""What happens to a schedule when its zone's clock jumps. Pure: no Django, no clock.

The rules are the table at the top of `schedule`; here they are told beforehand,
for the jumps to come in which this very schedule has an occurrence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.checks.schedule import Line, Schedule, lines_of

AHEAD = timedelta(days=400)
_STRIDE = timedelta(hours=12)  # no zone jumps there and back in less
_SECOND = timedelta(seconds=1)


class Fate(StrEnum):
    """What becomes of the times in a jump."""

    MOVED = "happen at the gap's end"
    SKIPPED = "do not happen"
    ONCE = "happen in the first pass only"
    TWICE = "happen in both passes"


@dataclass(frozen=True, slots=True)
class Jump:
    """A clock that goes from `before` to `after`, naive times of `zone`, at `at`, UTC.

    Forward, [before, after) is shown never; backward, [after, before) twice.
    """

    zone: ZoneInfo
    at: datetime
    before: datetime
    after: datetime

    @property
    def is_forward(self) -> bool:
        """Return True when the jump leaves a gap."""
        return self.after > self.before

    @property
    def stretch(self) -> tuple[datetime, datetime]:
        """Return the half-open span of wall-clock times that are not shown exactly once."""
        return min(self.before, self.after), max(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Caught:
    """The wall-clock times of a schedule that lie in a jump, in order, and their fate."""

    jump: Jump
    walls: tuple[datetime, ...]
    fate: Fate


def caught(schedule: Schedule, now: datetime, ahead: timedelta = AHEAD) -> list[Caught]:
    """Return what the jumps of the time ahead do to the schedule; soonest first.

    What nobody would notice is left out: a job that runs every ten minutes of
    the day keeps its ten minutes when an hour is skipped.

    Costs 1 ms a zone once a day, then 0.05 ms a line and jump, 5 ms for every second. ScheduleError
    for a schedule that has no meaning.
    """
    found = [
        Caught(jump, walls, _fate(line, jump))
        for line in lines_of(schedule)
        if line.next_after(now)  # one that is over would be searched to its end for each jump
        for jump in jumps(line.zone, now, ahead)
        if (walls := tuple(line.walls(*jump.stretch))) and not _is_seamless(line, jump, walls)
    ]
    return sorted(found, key=lambda one: one.jump.at)


def jumps(zone: ZoneInfo, now: datetime, ahead: timedelta = AHEAD) -> list[Jump]:
    """Return the jumps of a zone's clock after `now`, soonest first."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [jump for jump in _jumps(zone, midnight, ahead) if jump.at > now]


@lru_cache(maxsize=256)
def _jumps(zone: ZoneInfo, start: datetime, ahead: timedelta) -> tuple[Jump, ...]:
    return tuple(_searched(zone, start, start + ahead + timedelta(days=1)))


def _searched(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Jump]:
    while start < end:
        later = start + _STRIDE
        if start.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            yield _between(zone, start, later)
        start = later


def _between(zone: ZoneInfo, low: datetime, high: datetime) -> Jump:
    """Return the one jump in (low, high], to the second."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    assert offset is not None
    after = high.astimezone(zone).replace(tzinfo=None, fold=0)
    return Jump(zone, high, high.replace(tzinfo=None) + offset, after)


def _fate(line: Line, jump: Jump) -> Fate:
    if jump.is_forward:
        return Fate.MOVED if line.catches_up else Fate.SKIPPED
    return Fate.TWICE if line.repeats else Fate.ONCE


def _is_seamless(line: Line, jump: Jump, walls: tuple[datetime, ...]) -> bool:
    """Return True when the distances between runs stay what they are around the jump."""
    fate, (low, high) = _fate(line, jump), jump.stretch
    if fate is Fate.ONCE or (fate is Fate.MOVED and walls != (low,)):
        return False
    length = high - low
    earlier = [wall + length for wall in line.walls(low - length, low)]
    later = [wall - length for wall in line.walls(high, high + length)]
    return earlier == later == list(walls)
