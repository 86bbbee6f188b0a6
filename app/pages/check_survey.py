"""All checks of a project at a glance: counted, filtered and sorted, with no words made yet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from app.checks.models import Check
from app.checks.shown_now import TROUBLE_FIRST, rank
from app.checks.state import Shown
from app.pages.check_filter import Filter

ROWS = 100


class Line(NamedTuple):
    """The little that counting, filtering and sorting need of a check."""

    pk: int
    rank: int
    name: str
    slug: str
    tags: str
    code: UUID


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of all checks, and which of them are wanted, trouble first."""

    counts: dict[Shown, int]
    tags: dict[str, int]
    wanted: Sequence[Line]

    @property
    def total(self) -> int:
        """Checks of the project, wanted or not."""
        return sum(self.counts.values())

    @property
    def pages(self) -> int:
        """The number of the last page; there is always one."""
        return max(1, -(-len(self.wanted) // ROWS))


def survey(checks: QuerySet[Check], wanted: Filter, now: datetime) -> Survey:
    """Look at all checks. One query for six columns."""
    columns = ("pk", "rank", "name", "slug", "tags", "code")
    lines = [Line(*row) for row in checks.annotate(rank=rank(now)).values_list(*columns)]
    counts = Counter(line.rank for line in lines)
    tags = Counter(chain.from_iterable(line.tags.split() for line in lines if line.tags))
    chosen = [line for line in lines if _is_wanted(wanted, line)] if wanted else lines
    chosen.sort(key=lambda line: (line.rank, (line.name or str(line.code)).casefold(), line.pk))
    by_state = {shown: counts[place] for place, shown in enumerate(TROUBLE_FIRST)}
    return Survey(by_state, dict(sorted(tags.items())), chosen)


def _is_wanted(wanted: Filter, line: Line) -> bool:
    return wanted.takes(TROUBLE_FIRST[line.rank], line.name, line.slug, line.tags, line.code)
