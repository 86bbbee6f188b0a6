"""What a ping means for a check: one pure fold, used by drain, notifier, pages and API.

All times are aware and UTC. `fold` takes events in the order in which they were
received; an event that arrives late goes through `late.refold`, which folds the
log again. The rules come from the wire protocol's state machine (docs/protocol.md).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from app.checks.schedule import next_due
from app.checks.values import Action as Action
from app.checks.values import Event as Event
from app.checks.values import Fold as Fold
from app.checks.values import Reason as Reason
from app.checks.values import Recorded as Recorded
from app.checks.values import Rules as Rules
from app.checks.values import Shown as Shown
from app.checks.values import State as State
from app.checks.values import Status as Status
from app.checks.values import StatusFlip as StatusFlip

LONGEST_RUN = timedelta(hours=72)
# Looked up once: an enum takes longer to find its member than a fold to compare it.
_START, _FAIL, _LOG, _IGN = Action.START, Action.FAIL, Action.LOG, Action.IGN
_UP, _DOWN, _PAUSED = Status.UP, Status.DOWN, Status.PAUSED


def fold(rules: Rules, state: State, events: Iterable[Event]) -> Fold:
    """Fold events that were received after everything in `state`, in that order."""
    recorded: list[Recorded] = []
    flips: list[StatusFlip] = []
    n = state.n_pings
    for event in events:
        action = meaning(rules, state.status, event)
        n += 1
        recorded.append(Recorded(event, n, action))
        if counts_after_hand(state, event):
            state, new_flips = apply(rules, state, action, event.received_at, event.rid, n)
            flips += new_flips
    return Fold(counted(state, n), tuple(recorded), tuple(flips))


def counted(state: State, n_pings: int) -> State:
    """Return the state with that count; replace() would take four times as long."""
    if state.n_pings == n_pings:
        return state
    known = state.last_ping_at, state.last_start_at, state.last_start_rid, state.last_duration
    since = state.status_since, state.changed_by_hand_at
    return State(state.status, n_pings, *known, *since, state.due_at, state.down_at)


def meaning(rules: Rules, status: Status, event: Event) -> Action:
    """Return what the check makes of a ping. The keyword filter wins over the address."""
    if status is _PAUSED and rules.manual_resume:
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
    rules: Rules,
    state: State,
    action: Action,
    at: datetime,
    rid: UUID | None,
    n_pings: int | None = None,
) -> tuple[State, list[StatusFlip]]:
    """Apply one action in order. A silence that ended with it is flipped first.

    `n_pings` is a count that may be taken over, where a new state is made anyway.
    """
    if action is _LOG or action is _IGN:
        return state, []
    flips: list[StatusFlip] = []
    if state.down_at is not None and at >= state.down_at:
        state, flips = silence(state, at)
    if action is _START:
        due, down = _deadline(rules, state.status, state.last_ping_at, at)
        begun = replace(state, last_start_at=at, last_start_rid=rid, due_at=due, down_at=down)
        return begun, flips
    new = _DOWN if action is _FAIL else _UP
    since = state.status_since
    if state.status is not new:
        reason = Reason.FAIL if action is _FAIL else Reason.NONE
        flips.append(_flip(state, new, at, reason))
        since = flips[-1].at
    start_at, start_rid, duration = _run_after(state, action, at, rid)
    due, down = _deadline(rules, new, at, start_at)
    n, by_hand = state.n_pings if n_pings is None else n_pings, state.changed_by_hand_at
    # Written out, as replace() would be half of what a ping costs here.
    return State(new, n, at, start_at, start_rid, duration, since, by_hand, due, down), flips


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
    due, down = _deadline(rules, state.status, state.last_ping_at, state.last_start_at)
    return replace(state, due_at=due, down_at=down)


def _deadline(
    rules: Rules, status: Status, last_ping_at: datetime | None, last_start_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    due = down = None
    if status is _UP and last_ping_at is not None:
        due = next_due(rules.schedule, last_ping_at)
        down = due + rules.grace if due else None
    if last_start_at is not None and status is not _DOWN:
        overrun = last_start_at + rules.grace
        # A run that had overrun before the last ping was judged then: once is enough.
        if last_ping_at is None or overrun > last_ping_at:
            down = min(down, overrun) if down else overrun
    return due, down


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


def _run_after(
    state: State, action: Action, at: datetime, rid: UUID | None
) -> tuple[datetime | None, UUID | None, timedelta | None]:
    """Return start and run id of the run that is still under way, and how long one took.

    Its duration counts when the run ids agree. A failure ends any run; a success
    ends its own, or, without a run id, any.
    """
    started, duration = state.last_start_at, None
    if started is None:
        return None, state.last_start_rid, None
    same = rid == state.last_start_rid
    if same and at - started < LONGEST_RUN:
        duration = at - started
    if same or rid is None or action is Action.FAIL:
        return None, None, duration
    return started, state.last_start_rid, duration


def _flipped(
    state: State, new: Status, at: datetime, reason: Reason
) -> tuple[State, list[StatusFlip]]:
    if state.status is new:
        return state, []
    flip = _flip(state, new, at, reason)
    return replace(state, status=new, status_since=flip.at), [flip]


def _flip(state: State, new: Status, at: datetime, reason: Reason) -> StatusFlip:
    if state.status_since is not None and at <= state.status_since:
        # A ping at exactly the deadline: no two flips of a check have one time,
        # so that their order is never in doubt.
        at = state.status_since + timedelta(microseconds=1)
    return StatusFlip(at, state.status, new, reason)
