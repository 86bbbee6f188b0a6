"""The log as a page shows it: rows, how much there is, and where its links lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from app.pages import log_filter, words
from app.pages.log_filter import LABELS, LogFilter
from app.pages.zone_choice import ZoneChoice
from app.pings.log import Log, Page

MOST_LIVE = 200  # rows that a page which stays open may grow to


@dataclass(frozen=True, slots=True)
class Row:
    """A ping as a line: what came, what it said, how long its run took."""

    ping: dict[str, Any]
    said: str
    took: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the log. `floor` is the lowest number that a refresh has to show again."""

    filter: LogFilter
    rows: Sequence[Row]
    kept: int
    oldest: int
    newest: str
    older: str
    floor: int
    before: int | None

    @property
    def is_first_page(self) -> bool:
        """Whether it is the page that shows what comes next."""
        return self.before is None


def shown(log: Log, query: QueryDict, choice: ZoneChoice, *, is_live: bool) -> Shown | None:
    """Return the page of the log that the address asks for.

    None when a live page asks for all from `floor` on, and too much came.
    """
    wanted_by = log_filter.read(query)
    wanted = wanted_by.wanted(choice.zone)
    before = log_filter.number(query.get("before", ""))
    floor = log_filter.number(query.get("floor", ""))
    page: Page | None
    if is_live and before is None and floor is not None:
        page = log.since(wanted, floor, MOST_LIVE)
    else:
        page = log.page(wanted, before)
    if page is None:
        return None
    pairs = [*wanted_by.pairs, *choice.pairs]
    return Shown(
        filter=wanted_by,
        rows=_rows(log, page),
        kept=log.kept,
        oldest=log.oldest,
        newest=log_filter.address("", pairs),
        older=log_filter.address("", [("before", str(page.older)), *pairs]) if page.older else "",
        floor=page.older or 0,
        before=before,
    )


def _rows(log: Log, page: Page) -> list[Row]:
    if not page.rows:
        return []
    runs = log.runs(page.rows[-1]["n"], page.rows[0]["n"])
    took = {run.end_n: words.run_time(run.duration) for run in runs}
    return [Row(ping, LABELS[ping["action"]], took.get(ping["n"], "")) for ping in page.rows]
