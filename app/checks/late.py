"""What a late event means: this is where the log is folded again.

Servers may deliver out of order. An event that was received before something
that is already in the state cannot be folded on top of it; its check's log is
folded again from the last change by hand (or from the oldest line at hand), and
the flips that nobody was told of yet are written anew. What was told stays told.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from app.checks.state import (
    Action,
    Event,
    Recorded,
    Rules,
    State,
    Status,
    StatusFlip,
    apply,
    counted,
    counts_after_hand,
    fold,
    meaning,
    silence,
    with_deadline,
)
from app.frozen import frozen


@frozen
class Logged:
    """A line of the log: when it was received, what it meant, its run id."""

    received_at: datetime
    action: Action
    rid: UUID | None = None


@frozen
class KnownFlip:
    """A flip in the database; `told` when notifications were made of it."""

    flip: StatusFlip
    told: bool


@frozen
class History:
    """What the database knows of a check since its last change by hand, oldest first.

    `lines` are its pings that change a state (success, start, fail). With
    `is_cut` there were older ones that are not at hand.
    """

    lines: tuple[Logged, ...] = ()
    flips: tuple[KnownFlip, ...] = ()
    is_cut: bool = False


@frozen
class Refold:
    """The new state, the log's new lines, flips to insert and flips to delete."""

    state: State
    recorded: tuple[Recorded, ...]
    insert: tuple[StatusFlip, ...]
    delete: tuple[StatusFlip, ...]


def is_late(state: State, received_at: datetime) -> bool:
    """Return True when something at or after `received_at` is already in the state."""
    ping, start, since = state.last_ping_at, state.last_start_at, state.status_since
    return (
        (ping is not None and received_at <= ping)
        or (start is not None and received_at <= start)
        or (since is not None and received_at <= since)
    )


def deliver(
    rules: Rules, state: State, events: Sequence[Event], history: Callable[[], History]
) -> Refold:
    """Take in events of one check, in the order of their times: in order, or by a refold.

    `history` is asked only when an event came late and may change something.
    """
    if not is_late(state, events[0].received_at):
        folded = fold(rules, state, events)
        return Refold(folded.state, folded.recorded, folded.flips, ())
    n_absorbed = _absorbed(rules, state, events)
    late, rest = events[:n_absorbed], events[n_absorbed:]
    if rest and is_late(state, rest[0].received_at):
        return refold(rules, state, history(), events)
    recorded = _recorded(rules, state, late)
    folded = fold(rules, counted(state, state.n_pings + len(late)), rest)
    return Refold(folded.state, recorded + folded.recorded, folded.flips, ())


def _absorbed(rules: Rules, state: State, events: Sequence[Event]) -> int:
    """Return how many of the events, from the first on, came late and change nothing.

    A success inside a time in which the check was up without a pause changes no state and
    no flip, as long as no run is under way and none has ended with the last ping. After
    an outage nearly all pings of a second server are such, and need no history.
    """
    last, since = state.last_ping_at, state.status_since
    if state.status is not Status.UP or last is None or since is None:
        return 0
    if state.last_start_at is not None or state.last_duration is not None:
        return 0
    for place, event in enumerate(events):
        is_within = since < event.received_at <= last
        if not is_within or meaning(rules, state.status, event) is not Action.SUCCESS:
            return place
    return len(events)


def _recorded(rules: Rules, state: State, events: Sequence[Event]) -> tuple[Recorded, ...]:
    return tuple(
        Recorded(event, state.n_pings + place, meaning(rules, state.status, event))
        for place, event in enumerate(events, start=1)
    )


def refold(rules: Rules, state: State, history: History, events: Sequence[Event]) -> Refold:
    """Fold the history and `events` again.

    The result is that of in-order delivery, except that flips which were told
    are neither repeated nor undone: a correction follows them instead.
    """
    recorded = _recorded(rules, state, events)
    n_pings = state.n_pings + len(recorded)
    lines = _lines(state, history, recorded)
    if len(lines) == len(history.lines):
        return Refold(counted(state, n_pings), recorded, (), ())
    # A late event changes nothing before its own time, whatever the rules are now.
    floor = min(line.event.received_at for line in recorded)
    folded, flips = _folded(rules, state, history, lines, floor)
    since = [known for known in history.flips if known.flip.at >= floor]
    told = [known.flip for known in history.flips if known.told and known.flip.at >= floor]
    if told:
        flips = _after_told(told[-1], flips, folded.status, lines[-1].received_at)
        folded = replace(folded, status_since=(flips or told)[-1].at)
    # Whole flips are compared: one from another status is another one. People are not told of
    # a flip from new to up, but they are of the same one from down.
    waiting = [known.flip for known in since if not known.told]
    known_flips = {known.flip for known in since}
    return Refold(
        counted(folded, n_pings),
        recorded,
        insert=tuple(flip for flip in flips if flip not in known_flips),
        delete=tuple(flip for flip in waiting if flip not in flips),
    )


def _lines(state: State, history: History, recorded: Sequence[Recorded]) -> list[Logged]:
    """Merge what is logged with what came late, leaving out what cannot count."""
    oldest = None
    if history.is_cut:
        oldest = history.lines[0].received_at if history.lines else state.status_since
    late = [
        Logged(line.event.received_at, line.action, line.event.rid)
        for line in recorded
        if line.action not in (Action.LOG, Action.IGN)
        and counts_after_hand(state, line.event)
        and (oldest is None or line.event.received_at >= oldest)
    ]
    return sorted(
        [*history.lines, *late],
        key=lambda line: (line.received_at, line.action, str(line.rid)),
    )


def _folded(
    rules: Rules, state: State, history: History, lines: Sequence[Logged], floor: datetime
) -> tuple[State, list[StatusFlip]]:
    """Fold the lines; up to `floor` the status is the one that is known."""
    folded = _began(state, history, lines)
    for line in lines:
        if line.received_at < floor:
            folded, _ = apply(rules, folded, line.action, line.received_at, line.rid)
    before = [known.flip for known in history.flips if known.flip.at < floor]
    folded = with_deadline(
        rules,
        replace(
            folded,
            status=before[-1].new if before else _first_status(state),
            status_since=before[-1].at if before else state.changed_by_hand_at,
        ),
    )
    flips: list[StatusFlip] = []
    for line in lines:
        if line.received_at >= floor:
            folded, more = apply(
                rules, _not_before(folded, floor), line.action, line.received_at, line.rid
            )
            flips += more
    if state.status_since is not None:
        # Somebody judged the check at that time: the clock had got so far.
        folded, more = silence(_not_before(folded, floor), state.status_since)
        flips += more
    return folded, flips


def _began(state: State, history: History, lines: Sequence[Logged]) -> State:
    """Return the state before the first line, as far as the stored one says it."""
    began = State(status=_first_status(state), changed_by_hand_at=state.changed_by_hand_at)
    first = lines[0].received_at
    if not history.is_cut:
        return began
    if state.last_ping_at is not None and state.last_ping_at < first:
        began = replace(began, last_ping_at=state.last_ping_at)
    if state.last_start_at is not None and state.last_start_at < first:
        began = replace(
            began, last_start_at=state.last_start_at, last_start_rid=state.last_start_rid
        )
    return began


def _first_status(state: State) -> Status:
    return Status.PAUSED if state.status is Status.PAUSED else Status.NEW


def _not_before(state: State, floor: datetime) -> State:
    """Return the state without a deadline before `floor`: by the rules of then it was kept."""
    if state.down_at is not None and state.down_at < floor:
        return replace(state, due_at=None, down_at=None)
    return state


def _after_told(
    told: StatusFlip, flips: Sequence[StatusFlip], status: Status, newest: datetime
) -> list[StatusFlip]:
    """Return the flips that go on from what was told, ending in `status`."""
    current, kept = told.new, []
    for flip in flips:
        if flip.at > told.at and flip.new is not current:
            kept.append(replace(flip, old=current))
            current = flip.new
    if current is not status:
        at = max(newest, (kept[-1] if kept else told).at + timedelta(microseconds=1))
        kept.append(StatusFlip(at, current, status))
    return kept
