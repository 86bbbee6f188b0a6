"""What the drain reads and writes of a check, whatever the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.checks.schedule import Kind, Schedule
from app.checks.state import Recorded, Rules, State, Status, StatusFlip
from app.pings.journal import Place

# In the order of `rules_of` and `state_of`; the primary key and the code come first.
RULE_COLUMNS = (
    "kind",
    "period_seconds",
    "grace_seconds",
    "schedule",
    "tz",
    "methods",
    "manual_resume",
    "filter_http_body",
    "success_kw",
    "failure_kw",
    "start_kw",
    "filter_default_fail",
)
STATE_COLUMNS = (
    "status",
    "n_pings",
    "last_ping_at",
    "last_start_at",
    "last_start_rid",
    "last_duration_us",
    "status_since",
    "changed_by_hand_at",
    "due_at",
    "down_at",
)
TIME_COLUMNS = {
    "last_ping_at",
    "last_start_at",
    "status_since",
    "changed_by_hand_at",
    "due_at",
    "down_at",
    "wake_at",
}
COLUMNS = ("id", "code", *RULE_COLUMNS, *STATE_COLUMNS, "wake_at")
STATE_START = 2 + len(RULE_COLUMNS)
PING_COLUMNS = (
    "check_id",
    "n",
    "received_at",
    "action",
    "exit_status",
    "rid",
    "scheme",
    "method",
    "remote_addr",
    "user_agent",
    "body",
)


class PositionMovedError(Exception):
    """Somebody else moved this journal's position: the batch is not ours to apply."""


@dataclass(frozen=True, slots=True)
class Move:
    """A journal's position, from the place where it has to be to the next one.

    `applied_before` is stored as the position's T when it is given.
    """

    position_id: int
    old: Place
    new: Place
    applied_before: datetime | None

    def refused(self) -> PositionMovedError:
        """Return the error of a position that is elsewhere."""
        return PositionMovedError(f"position {self.position_id} is not at {self.old} any more")


@dataclass(slots=True)
class Loaded:
    """A check under its row's lock. `code` is its 16 bytes."""

    id: int
    code: bytes
    rules: Rules
    state: State
    wake_at: datetime | None


@dataclass(slots=True)
class Changed:
    """What is to be written of a check.

    `is_plain`: of its columns, no others than n_pings, last_ping_at, due_at and down_at.
    """

    id: int
    state: State
    wake_at: datetime | None
    recorded: Sequence[Recorded]
    insert: Sequence[StatusFlip]
    delete: Sequence[StatusFlip] = ()
    is_plain: bool = False


def rules_of(
    kind: str,
    period_seconds: int,
    grace_seconds: int,
    schedule: str,
    tz: str,
    methods: str,
    *filters: Any,
) -> Rules:
    """Return the rules of the columns RULE_COLUMNS. Stores remember them: many checks agree."""
    manual_resume, filter_http_body, success_kw, failure_kw, start_kw, default_fail = filters
    return Rules(
        schedule=Schedule(Kind(kind), period_seconds, schedule, tz),
        grace=timedelta(seconds=grace_seconds),
        methods=methods,
        manual_resume=bool(manual_resume),
        filter_http_body=bool(filter_http_body),
        success_kw=success_kw,
        failure_kw=failure_kw,
        start_kw=start_kw,
        filter_default_fail=bool(default_fail),
    )


_STATUS = {status.value: status for status in Status}


def state_of(
    status: str,
    n_pings: int,
    last_ping_at: datetime | None,
    last_start_at: datetime | None,
    last_start_rid: UUID | None,
    last_duration_us: int | None,
    *times: datetime | None,
) -> State:
    """Return the state of the columns STATE_COLUMNS."""
    duration = None if last_duration_us is None else timedelta(microseconds=last_duration_us)
    since, by_hand, due_at, down_at = times
    return State(
        _STATUS[status],
        n_pings,
        last_ping_at,
        last_start_at,
        last_start_rid,
        duration,
        since,
        by_hand,
        due_at,
        down_at,
    )


def is_plain(old: State, new: State) -> bool:
    """Return True when a state differs in nothing but what most pings change.

    A fold hands on what it does not change: values that are equal and not the same are none.
    """
    return (
        new.status is old.status
        and new.status_since is old.status_since
        and new.last_start_at is old.last_start_at
        and new.last_start_rid is old.last_start_rid
        and new.last_duration is old.last_duration
    )


def flip_values(changed: Sequence[Changed]) -> list[tuple[Any, ...]]:
    """Return check, time, old and new status and reason of every flip to insert."""
    return [
        (check.id, flip.at, flip.old.value, flip.new.value, flip.reason.value)
        for check in changed
        for flip in check.insert
    ]


def wake_at(old: datetime | None, down_at: datetime | None) -> datetime | None:
    """Return the lower bound of the deadline, changed only when it has to be lowered."""
    if down_at is None or (old is not None and old <= down_at):
        return old
    return down_at
