"""What came: this is where the log of a check is asked for, a page at a time.

Every query rides on the unique index of (check, n) and looks at a bounded
stretch of it, however many pings are kept and however few of them match.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils.functional import cached_property

from app.checks.models import Check
from app.checks.state import Action
from app.pings.models import Ping
from app.pings.run_times import CONCLUSIVE, Line, Run, runs

PAGE = 50
MOST_SEARCHED = 5_000  # numbers looked at for one page
# How far beyond what is shown a start may lie, or an end that was delivered late.
LOOK_BACK, LOOK_AHEAD = 500, 50
MOST_FOR_RUNS = 2_000
COLUMNS = (
    *("n", "received_at", "action", "exit_status", "rid"),
    *("method", "scheme", "remote_addr", "user_agent"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pings: what they said (empty: anything), [begin, end), only with a body."""

    said: tuple[Action, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None
    with_body: bool = False

    def of(self, pings: QuerySet[Ping]) -> QuerySet[Ping]:
        """Return those of the pings that are wanted."""
        if self.said:
            pings = pings.filter(action__in=self.said)
        if self.begin:
            pings = pings.filter(received_at__gte=self.begin)
        if self.end:
            pings = pings.filter(received_at__lt=self.end)
        return pings.filter(body__isnull=False) if self.with_body else pings


@dataclass(frozen=True, slots=True)
class Page:
    """Pings, newest first. `older` is where the next page begins (n below it), if any."""

    rows: Sequence[dict[str, Any]]
    older: int | None


class Log:
    """The kept pings of one check."""

    def __init__(self, check: Check) -> None:
        self.pings = Ping.objects.filter(check_ref=check)
        self.n_pings = check.n_pings

    @cached_property
    def oldest(self) -> int:
        """Return the number of the oldest ping that is kept; with none, one beyond the newest."""
        first = self.pings.order_by("n").values_list("n", flat=True).first()
        return first if first is not None else self.n_pings + 1

    @property
    def kept(self) -> int:
        """Return how many are kept: numbers have no gaps, as only the oldest are deleted."""
        return max(0, self.n_pings - self.oldest + 1)

    def page(self, wanted: Wanted, before: int | None = None) -> Page:
        """Return the newest wanted pings with numbers below `before`."""
        top = self.n_pings + 1 if before is None else min(before, self.n_pings + 1)
        found = self._rows(wanted, max(top - MOST_SEARCHED, 0), top, PAGE + 1)
        if len(found) > PAGE:
            return Page(found[:PAGE], found[PAGE - 1]["n"])
        is_searched = top - MOST_SEARCHED <= self.oldest
        return Page(found, None if is_searched else top - MOST_SEARCHED)

    def since(self, wanted: Wanted, oldest: int, most: int) -> Page | None:
        """Return the wanted pings from number `oldest` on; None when they are too many."""
        lowest = max(oldest, self.n_pings - MOST_SEARCHED)
        found = self._rows(wanted, lowest, self.n_pings + 1, most + 1)
        return None if len(found) > most else Page(found, lowest or None)

    def runs(self, lowest: int, highest: int) -> list[Run]:
        """Return the finished runs that pings of these numbers may be part of."""
        near = self.pings.filter(n__gte=lowest - LOOK_BACK, n__lte=highest + LOOK_AHEAD)
        return _runs(near.order_by("n"))

    def last_runs(self, count: int) -> list[Run]:
        """Return the newest finished runs, oldest first."""
        near = self.pings.filter(n__gt=self.n_pings - MOST_FOR_RUNS)
        return _runs(near.order_by("n"))[-count:]

    def _rows(self, wanted: Wanted, lowest: int, top: int, most: int) -> list[dict[str, Any]]:
        pings = wanted.of(self.pings.filter(n__gte=lowest, n__lt=top))
        has_body = ExpressionWrapper(Q(body__isnull=False), output_field=BooleanField())
        rows = pings.annotate(has_body=has_body).order_by("-n").values(*COLUMNS, "has_body")
        return list(rows[:most])


def _runs(pings: QuerySet[Ping]) -> list[Run]:
    told = pings.filter(action__in=[Action.START, *CONCLUSIVE])
    return runs(Line(*row) for row in told.values_list("n", "received_at", "action", "rid"))
