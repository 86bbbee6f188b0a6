"""What a ping means for a check: one pure fold, used by drain, notifier, pages and API.

All times are aware and UTC. `fold` takes events in the order in which they were
received; an event that arrives late goes through `late.refold`, which folds the
log again. The rules come from the wire protocol's state machine (docs/protocol.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.checks.schedule import Schedule, next_due

LONGEST_RUN = timedelta(hours=72)


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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class StatusFlip:
    """A change of the stored status; `at` is its true time, not its detection."""

    at: datetime
    old: Status
    new: Status
    reason: Reason = Reason.NONE


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the check's log and what it meant."""

    event: Event
    n: int
    action: Action


@dataclass(frozen=True, slots=True)
class Fold:
    """What folding events gave: the new state, the log's new lines, the flips."""

    state: State
    recorded: tuple[Recorded, ...]
    flips: tuple[StatusFlip, ...]


def fold(rules: Rules, state: State, events: Iterable[Event]) -> Fold:
    """Fold events that were received after everything in `state`, in that order."""
    recorded: list[Recorded] = []
    flips: list[StatusFlip] = []
    for event in events:
        action = meaning(rules, state.status, event)
        state = replace(state, n_pings=state.n_pings + 1)
        recorded.append(Recorded(event, state.n_pings, action))
        if counts_after_hand(state, event):
            state, new_flips = apply(rules, state, action, event.received_at, event.rid)
            flips += new_flips
    return Fold(state, tuple(recorded), tuple(flips))


def meaning(rules: Rules, status: Status, event: Event) -> Action:
    """Return what the check makes of a ping. The keyword filter wins over the address."""
    if status is Status.PAUSED and rules.manual_resume:
        return Action.IGN
    if rules.methods == "POST" and event.scheme != "email" and event.method != "POST":
        return Action.IGN
    if rules.filter_http_body and event.scheme != "email":
        return by_keyword(rules, event.body.decode("utf-8", "replace"))[0]
    if event.exit_status is not None:
        return Action.FAIL if event.exit_status else Action.SUCCESS
    return event.action


def by_keyword(rules: Rules, text: str) -> tuple[Action, str]:
    """Return what a body means, and the word that decides it; "" when it has none of them."""
    wanted = (
        (rules.failure_kw, Action.FAIL),
        (rules.success_kw, Action.SUCCESS),
        (rules.start_kw, Action.START),
    )
    for keywords, action in wanted:
        for word in map(str.strip, keywords.split(",")):
            if word and word in text:
                return action, word
    return Action.FAIL if rules.filter_default_fail else Action.IGN, ""


def counts_after_hand(state: State, event: Event) -> bool:
    """Return False for what was received before a person paused or resumed the check."""
    return state.changed_by_hand_at is None or event.received_at > state.changed_by_hand_at


def apply(
    rules: Rules, state: State, action: Action, at: datetime, rid: UUID | None
) -> tuple[State, list[StatusFlip]]:
    """Apply one action in order. A silence that ended with it is flipped first."""
    if action in (Action.LOG, Action.IGN):
        return state, []
    state, flips = silence(state, at)
    if action is Action.START:
        state = replace(state, last_start_at=at, last_start_rid=rid)
        return with_deadline(rules, state), flips
    state = _end_run(state, action, at, rid)
    new = Status.DOWN if action is Action.FAIL else Status.UP
    reason = Reason.FAIL if action is Action.FAIL else Reason.NONE
    state, more = _flipped(state, new, at, reason)
    return with_deadline(rules, replace(state, last_ping_at=at)), flips + more


def silence(state: State, now: datetime) -> tuple[State, list[StatusFlip]]:
    """Flip a check whose deadline has passed at `now`, dated at the deadline.

    Grace is half-open, [due_at, down_at): at exactly `down_at` the check is down.
    """
    if state.down_at is None or now < state.down_at:
        return state, []
    at = state.down_at
    state = replace(state, due_at=None, down_at=None)
    return _flipped(state, Status.DOWN, at, Reason.TIMEOUT)


def with_deadline(rules: Rules, state: State) -> State:
    """Return the state with `due_at` and `down_at` made anew.

    A check that is up is due by its schedule; a run under way, whatever the
    status but down, has to end within the grace time. ScheduleError for a
    schedule that cannot be evaluated.
    """
    due = down = None
    if state.status is Status.UP and state.last_ping_at is not None:
        due = next_due(rules.schedule, state.last_ping_at)
        down = due + rules.grace if due else None
    if state.last_start_at is not None and state.status is not Status.DOWN:
        overrun = state.last_start_at + rules.grace
        # A run that had overrun before the last ping was judged then: once is enough.
        if state.last_ping_at is None or overrun > state.last_ping_at:
            down = min(down, overrun) if down else overrun
    return replace(state, due_at=due, down_at=down)


def shown(state: State, now: datetime) -> Shown:
    """Return the status that a person sees at `now`."""
    overrun = state.status is Status.DOWN or (state.down_at is not None and now >= state.down_at)
    if overrun:
        return Shown.DOWN
    if state.status is Status.UP and state.due_at is not None and now >= state.due_at:
        return Shown.LATE
    return Shown(state.status)


def pause(state: State, now: datetime) -> tuple[State, list[StatusFlip]]:
    """Pause by hand: nothing is due any more. No-op on a paused check."""
    if state.status is Status.PAUSED:
        return state, []
    return _by_hand(state, Status.PAUSED, now)


def resume(state: State, now: datetime) -> tuple[State, list[StatusFlip]]:
    """Resume by hand: the check is as new. ValueError on one that is not paused."""
    if state.status is not Status.PAUSED:
        raise ValueError("check is not paused")
    return _by_hand(replace(state, last_ping_at=None), Status.NEW, now)


def _by_hand(state: State, new: Status, now: datetime) -> tuple[State, list[StatusFlip]]:
    state = replace(
        state,
        last_start_at=None,
        last_start_rid=None,
        last_duration=None,
        changed_by_hand_at=now,
        due_at=None,
        down_at=None,
    )
    return _flipped(state, new, now, Reason.NONE)


def _end_run(state: State, action: Action, at: datetime, rid: UUID | None) -> State:
    """Take a run as ended, and note its duration when the run ids agree.

    A failure ends any run; a success ends its own run, or, without a run id, any.
    """
    state = replace(state, last_duration=None)
    if state.last_start_at is None:
        return state
    same = rid == state.last_start_rid
    if same and at - state.last_start_at < LONGEST_RUN:
        state = replace(state, last_duration=at - state.last_start_at)
    if same or rid is None or action is Action.FAIL:
        state = replace(state, last_start_at=None, last_start_rid=None)
    return state


def _flipped(
    state: State, new: Status, at: datetime, reason: Reason
) -> tuple[State, list[StatusFlip]]:
    if state.status is new:
        return state, []
    if state.status_since is not None and at <= state.status_since:
        # A ping at exactly the deadline: no two flips of a check have one time,
        # so that their order is never in doubt.
        at = state.status_since + timedelta(microseconds=1)
    flip = StatusFlip(at, state.status, new, reason)
    return replace(state, status=new, status_since=at), [flip]
