"""Times, schedules and states in words. Pure: every text takes `now`."""

from datetime import UTC, datetime, timedelta, tzinfo

from app.checks.schedule import Kind, Schedule
from app.checks.state import Shown, State, Status

MINUTE, HOUR, DAY, WEEK, YEAR = 60, 3_600, 86_400, 604_800, 31_536_000
A_MINUTE = timedelta(seconds=MINUTE)
_UNITS = ((WEEK, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
_SHORT = ((DAY, "day"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))


def duration(length: timedelta | int) -> str:
    """Return a length rounded down to one unit: "41 s", "14 h", "2 days", "3 weeks"."""
    seconds = int(length.total_seconds() if isinstance(length, timedelta) else length)
    if seconds >= 3 * WEEK:
        return f"{seconds // WEEK} weeks"
    if seconds >= 2 * DAY:
        return f"{seconds // DAY} days"
    if seconds >= HOUR:
        return f"{seconds // HOUR} h"
    return f"{seconds // MINUTE} min" if seconds >= MINUTE else f"{max(seconds, 0)} s"


def exact(seconds: int) -> str:
    """Return a length to the second: "1 day 12 h", "1 min 30 s"."""
    parts: list[str] = []
    for size, unit in _SHORT:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    return " ".join(parts) or "0 s"


def length(seconds: int) -> str:
    """Return a length in one unit, in full: "1 minute", "90 seconds", "1 year"."""
    size, unit = next(one for one in ((YEAR, "year"), *_UNITS) if seconds % one[0] == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def ago(moment: datetime, now: datetime, just_now: timedelta = timedelta(seconds=2)) -> str:
    """Return how long ago, or "just now" within that time."""
    gone = now - moment
    return "just now" if gone < just_now else f"{duration(gone)} ago"


def run_time(length: timedelta) -> str:
    """Return how long a run took: "0.4 s", "12 s", "3 min 20 s"."""
    seconds = length.total_seconds()
    return f"{seconds:.1f} s" if seconds < 10 else exact(int(seconds))


def every(seconds: int) -> str:
    """Return a period: "every day", "every 2 hours", "every 90 s"."""
    for size, unit in _UNITS:
        if seconds % size == 0:
            count = seconds // size
            return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    raise ValueError(f"a period is a whole number of seconds, not {seconds!r}")


def schedule(rule: Schedule) -> str:
    """Return when a check is due: a period in words, an expression with its zone."""
    if rule.kind == Kind.SIMPLE:
        return every(rule.period_seconds)
    expression = " · ".join(line.strip() for line in rule.expression.splitlines() if line.strip())
    return expression if rule.tz == "UTC" else f"{expression} {rule.tz}"


def clock(moment: datetime, now: datetime, zone: tzinfo = UTC) -> str:
    """Return a time of the zone with the zone's name, and its date unless that is today's."""
    moment, now = moment.astimezone(zone), now.astimezone(zone)
    if moment.date() == now.date():
        return f"{moment:%H:%M %Z}"
    if moment.year == now.year:
        return f"{moment.day} {moment:%b %H:%M %Z}"
    return f"{moment:%Y-%m-%d %H:%M %Z}"


def context(
    state: State,
    grace: timedelta,
    manual_resume: bool,
    shown: Shown,
    now: datetime,
    zone: tzinfo = UTC,
    just_now: timedelta = timedelta(seconds=2),
) -> str:
    """Return the one line that says what to know about a check now, or ""."""
    if shown is Shown.DOWN:
        return _trouble(state, grace, now, just_now)
    if shown is Shown.LATE and state.down_at is not None:
        return f"in grace until {clock(state.down_at, now, zone)}"
    if state.last_start_at is not None:
        return f"started {ago(state.last_start_at, now, just_now)}"
    if shown is Shown.PAUSED:
        return "resumes by hand" if manual_resume else "resumes on ping"
    return "waiting for the first ping" if shown is Shown.NEW else ""


def _trouble(state: State, grace: timedelta, now: datetime, just_now: timedelta) -> str:
    since = state.status_since if state.status is Status.DOWN else state.down_at
    if since is None:
        return ""
    if state.last_ping_at is not None and state.last_ping_at >= since:
        return f"reported a failure {ago(state.last_ping_at, now, just_now)}"
    if state.last_start_at is not None:
        return f"started {ago(state.last_start_at, now, just_now)}, never finished"
    return f"missed by {duration(now - since + grace)}"
