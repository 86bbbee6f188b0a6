"""The values that a check is judged by: this is where they are defined. Pure.

All times are aware and UTC. What is done with them is in `state` and `late`.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.checks.schedule import Schedule
from app.frozen import frozen


class Status(StrEnum):
    """The stored status of a check."""

    NEW = "new"
    UP = "up"
    DOWN = "down"
    PAUSED = "paused"


class Shown(StrEnum):
    """The status that a person sees: the stored one, and *late* by the clock."""

    NEW = "new"
    UP = "up"
    LATE = "late"
    DOWN = "down"
    PAUSED = "paused"


class Action(StrEnum):
    """What a ping says, or, for `IGN`, that the check's rules ignored it."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"
    IGN = "ign"


class Reason(StrEnum):
    """Why a check flipped: a ping or a person (none), a failure signal, silence."""

    NONE = ""
    FAIL = "fail"
    TIMEOUT = "timeout"


@frozen
class Event:
    """A ping as it was received. `exit_status` overrides `action`."""

    received_at: datetime
    action: Action = Action.SUCCESS
    exit_status: int | None = None
    rid: UUID | None = None
    scheme: str = "http"
    method: str = "GET"
    remote_addr: str = ""
    user_agent: str = ""
    body: bytes = b""


@frozen
class Rules:
    """How a check judges its pings. `methods` is "" (any) or "POST"."""

    schedule: Schedule
    grace: timedelta
    methods: str = ""
    manual_resume: bool = False
    filter_http_body: bool = False
    success_kw: str = ""
    failure_kw: str = ""
    start_kw: str = ""
    filter_default_fail: bool = False


@frozen
class State:
    """What is known of a check.

    `last_start_at` is set only while a run is under way. `due_at` is when the
    next success is expected by the schedule, `down_at` when the check goes down
    if nothing more is heard; both are derived by `with_deadline`.
    `changed_by_hand_at` is when a person last paused or resumed it: what was
    received up to then is logged and changes nothing.
    """

    status: Status = Status.NEW
    n_pings: int = 0
    last_ping_at: datetime | None = None
    last_start_at: datetime | None = None
    last_start_rid: UUID | None = None
    last_duration: timedelta | None = None
    status_since: datetime | None = None
    changed_by_hand_at: datetime | None = None
    due_at: datetime | None = None
    down_at: datetime | None = None


@frozen
class StatusFlip:
    """A change of the stored status; `at` is its true time, not its detection."""

    at: datetime
    old: Status
    new: Status
    reason: Reason = Reason.NONE


@frozen
class Recorded:
    """An event with its place in the check's log and what it meant."""

    event: Event
    n: int
    action: Action


@frozen
class Fold:
    """What folding events gave: the new state, the log's new lines, the flips."""

    state: State
    recorded: tuple[Recorded, ...]
    flips: tuple[StatusFlip, ...]
