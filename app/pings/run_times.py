"""How long runs took: this is where starts and ends of a log are paired. Pure.

A success or a failure ends the newest start that has the same run id (none
counts as one), when nothing else has ended it and it is less than 72 hours old.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.checks.state import LONGEST_RUN, Action

CONCLUSIVE = (Action.SUCCESS, Action.FAIL)


class Line(NamedTuple):
    """What of a line of the log decides about runs."""

    n: int
    received_at: datetime
    action: str
    rid: UUID | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A start and its end, by their numbers in the log."""

    start_n: int
    end_n: int
    started_at: datetime
    ended_at: datetime
    is_failed: bool

    @property
    def duration(self) -> timedelta:
        """Never negative, and shorter than LONGEST_RUN."""
        return self.ended_at - self.started_at


def runs(lines: Iterable[Line]) -> list[Run]:
    """Return the finished runs in the order of their ends.

    Lines may come in any order: what counts is when they were received, as a late
    ping has a higher number than those it belongs between. A cut log hides runs
    and never makes up one.
    """
    found: list[Run] = []
    begun: dict[UUID | None, Line] = {}
    for line in sorted(lines, key=lambda line: (line.received_at, line.n)):
        if line.action == Action.START:
            begun[line.rid] = line
        elif line.action in CONCLUSIVE:
            start = begun.pop(line.rid, None)
            if start and line.received_at - start.received_at < LONGEST_RUN:
                found.append(_run(start, line))
    return found


def _run(start: Line, end: Line) -> Run:
    is_failed = end.action == Action.FAIL
    return Run(start.n, end.n, start.received_at, end.received_at, is_failed)
