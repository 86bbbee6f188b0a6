"""Which pings of the log: this is where the filter is read from the address."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from app.checks.state import Action
from app.pings.log import Wanted

LABELS = {
    Action.SUCCESS: "success",
    Action.START: "start",
    Action.FAIL: "fail",
    Action.LOG: "log",
    Action.IGN: "ignored",
}
MOST_DIGITS = 18  # of a number that a bigint holds


class Choice(NamedTuple):
    """A box of the form."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a person asked for. `notes` say what of it could not be understood."""

    said: tuple[Action, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    with_body: bool = False
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.said or self.first_day or self.last_day or self.with_body)

    @property
    def choices(self) -> list[Choice]:
        """The kinds of pings, as boxes."""
        return [Choice(kind.value, label, kind in self.said) for kind, label in LABELS.items()]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The filter as a query."""
        pairs = [("said", kind.value) for kind in self.said]
        if self.first_day:
            pairs.append(("from", self.first_day.isoformat()))
        if self.last_day:
            pairs.append(("to", self.last_day.isoformat()))
        return [*pairs, ("body", "1")] if self.with_body else pairs

    def wanted(self, zone: tzinfo) -> Wanted:
        """Return the filter with its days as times; a day is one of the zone's clock."""
        begin = _midnight(self.first_day, zone)
        end = _midnight(self.last_day, zone, days=1)
        return Wanted(self.said, begin, end, self.with_body)


def read(query: QueryDict) -> LogFilter:
    """Return the filter of an address; what makes no sense is left out and noted."""
    notes: list[str] = []
    asked = set(query.getlist("said"))
    said = tuple(kind for kind in LABELS if kind.value in asked)
    if asked - {kind.value for kind in LABELS}:
        notes.append(f"A ping says one of: {', '.join(LABELS)}. Anything else is left out.")
    days = [_day(query.get(name, "").strip(), name, notes) for name in ("from", "to")]
    return LogFilter(said, days[0], days[1], query.get("body") == "1", tuple(notes))


def number(text: str) -> int | None:
    """Return a number of a ping, or None: ASCII digits only, no more than a bigint holds."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else None


def address(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a path with a query, if there is any."""
    query = urlencode(list(pairs))
    return f"{path}?{query}" if query else path


def _day(text: str, name: str, notes: list[str]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        notes.append(f"“{name}” is left out: {text[:40]!r} is no date such as 2026-11-21.")
        return None


def _midnight(day: date | None, zone: tzinfo, days: int = 0) -> datetime | None:
    """Return the beginning of a day; None, for no bound, when the calendar ends before it."""
    if day is None:
        return None
    try:
        return datetime.combine(day + timedelta(days), time(), zone).astimezone(UTC)
    except OverflowError:  # in the year 1 or 9999
        return None
