"""What a late event means (app/checks/late.py)."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.checks.late import History, KnownFlip, Logged, Refold, deliver, is_late, refold
from app.checks.schedule import Kind, Schedule
from app.checks.state import (
    Action,
    Event,
    State,
    Status,
    StatusFlip,
    fold,
    pause,
    silence,
)
from tests.app.checks.test_state import MINUTE, R1, R2, RULES, at, ping
from tests.app.checks.test_state_properties import EVENTS


@dataclass
class Log:
    """A check as the database holds it: what was applied so far."""

    state: State = field(default_factory=State)
    lines: list[Logged] = field(default_factory=list)
    flips: dict[tuple[object, Status], KnownFlip] = field(default_factory=dict)

    def deliver(self, *events: Event) -> Refold:
        ordered = sorted(events, key=lambda event: event.received_at)
        done = deliver(RULES, self.state, ordered, self.history)
        self.state = done.state
        self.lines += [
            Logged(line.event.received_at, line.action, line.event.rid)
            for line in done.recorded
            if line.action not in (Action.LOG, Action.IGN)
        ]
        for flip in done.delete:
            assert not self.flips[flip.at, flip.new].told
            del self.flips[flip.at, flip.new]
        self.keep(done.insert)
        return done

    def keep(self, flips: tuple[StatusFlip, ...] | list[StatusFlip], *, told: bool = False) -> None:
        for flip in flips:
            assert (flip.at, flip.new) not in self.flips
            self.flips[flip.at, flip.new] = KnownFlip(flip, told)

    def judge(self, minutes: float) -> None:
        self.state, flips = silence(self.state, at(minutes))
        self.keep(flips)

    def tell(self) -> None:
        self.flips = {key: replace(known, told=True) for key, known in self.flips.items()}

    def history(self) -> History:
        lines = sorted(self.lines, key=lambda line: (line.received_at, line.action, str(line.rid)))
        flips = sorted(self.flips.values(), key=lambda known: known.flip.at)
        since = self.state.changed_by_hand_at
        return History(
            tuple(line for line in lines if since is None or line.received_at > since),
            tuple(known for known in flips if since is None or known.flip.at > since),
        )

    def told_story(self) -> list[tuple[float, str]]:
        flips = sorted(self.flips.values(), key=lambda known: known.flip.at)
        return [((known.flip.at - at(0)) / timedelta(minutes=1), known.flip.new) for known in flips]


def test_a_late_success_does_not_move_the_last_ping_back() -> None:
    log = Log()
    log.deliver(ping(8))
    log.deliver(ping(3))
    assert log.state.last_ping_at == at(8)
    assert log.state.n_pings == 2
    assert log.told_story() == [(3, "up")]


def test_a_late_failure_before_a_success_does_not_bring_the_check_down() -> None:
    log = Log()
    log.deliver(ping(0))
    log.deliver(ping(8))
    log.deliver(ping(3, Action.FAIL))
    assert log.state.status is Status.UP


def test_a_late_success_takes_an_untold_silence_back() -> None:
    log = Log()
    log.deliver(ping(0))
    log.judge(16)
    assert log.told_story() == [(0, "up"), (15, "down")]
    log.deliver(ping(12))
    assert log.state.status is Status.UP
    assert log.told_story() == [(0, "up")]


def test_a_late_success_corrects_a_silence_that_was_told() -> None:
    log = Log()
    log.deliver(ping(0))
    log.judge(16)
    log.tell()
    log.deliver(ping(12))
    assert log.state.status is Status.UP
    assert [new for _, new in log.told_story()] == ["up", "down", "up"]


def test_a_late_ping_that_does_not_excuse_the_silence_leaves_it() -> None:
    log = Log()
    log.deliver(ping(5))
    log.judge(25)
    log.deliver(ping(4))
    assert log.state.status is Status.DOWN
    assert log.told_story() == [(4, "up"), (20, "down")]


def test_a_silence_between_two_pings_is_noticed_whichever_came_first() -> None:
    log = Log()
    log.deliver(ping(60))
    log.deliver(ping(0))
    assert log.told_story() == [(0, "up"), (15, "down"), (60, "up")]


def test_a_recovery_is_one_from_the_silence_that_shows_only_later() -> None:
    log = Log()
    log.deliver(ping(16))
    log.deliver(ping(0))
    flips = sorted(log.flips.values(), key=lambda known: known.flip.at)
    assert [(known.flip.old, known.flip.new) for known in flips] == [
        ("new", "up"),
        ("up", "down"),
        ("down", "up"),
    ]


def test_a_late_end_closes_the_run_that_was_taken_as_overrun() -> None:
    log = Log()
    log.deliver(ping(0, Action.START, R1), ping(1, rid=R2))
    log.judge(8)
    assert log.told_story()[-1] == (5, "down")
    log.deliver(ping(4, rid=R1))
    assert (log.state.status, log.state.last_start_at) == (Status.UP, None)


def test_a_late_start_of_an_ended_run_does_not_begin_it_again() -> None:
    log = Log()
    log.deliver(ping(2, rid=R1))
    log.deliver(ping(0, Action.START, R1))
    assert log.state.last_start_at is None
    assert log.state.last_duration == timedelta(minutes=2)


def test_what_was_received_before_a_pause_does_not_resume() -> None:
    log = Log()
    log.deliver(ping(0))
    log.state, flips = pause(log.state, at(10))
    log.keep(flips, told=True)
    log.deliver(ping(9))
    assert log.state.status is Status.PAUSED
    assert log.state.n_pings == 2


def test_the_past_is_not_judged_by_rules_that_were_made_later() -> None:
    log = Log()
    for minutes in range(0, 200, 10):
        log.deliver(ping(minutes))
    strict = replace(RULES, schedule=Schedule(Kind.SIMPLE, 60, "", "UTC"), grace=MINUTE)
    done = deliver(strict, log.state, [ping(189.9, Action.START)], log.history)
    assert (done.insert, done.delete) == ((), ())
    assert done.state.status is Status.UP
    assert done.state.last_ping_at == at(190)


def test_a_late_event_keeps_the_last_ping_that_is_older_than_the_log_at_hand() -> None:
    state = fold(RULES, State(), [ping(0), ping(1, Action.START), ping(3, Action.START)]).state
    lines = (Logged(at(1), Action.START), Logged(at(3), Action.START))
    history = History(
        lines, (KnownFlip(StatusFlip(at(0), Status.NEW, Status.UP), told=True),), True
    )
    done = deliver(RULES, state, [ping(2, Action.START)], lambda: history)
    assert done.state == replace(state, n_pings=4)


def test_an_event_older_than_the_log_at_hand_is_only_counted() -> None:
    state = fold(RULES, State(), [ping(40)]).state
    history = History((Logged(at(40), Action.SUCCESS),), (), is_cut=True)
    done = deliver(RULES, state, [ping(0)], lambda: history)
    assert done.state == replace(state, n_pings=2)
    assert (done.insert, done.delete) == ((), ())


def no_history() -> History:
    raise AssertionError("nothing has to be looked up")


def test_a_late_success_while_the_check_was_up_anyway_needs_no_history() -> None:
    state = fold(RULES, State(), [ping(0), ping(8), ping(16)]).state
    done = deliver(RULES, state, [ping(3), ping(9), ping(20)], no_history)
    assert [line.n for line in done.recorded] == [4, 5, 6]
    assert done.state == replace(fold(RULES, state, [ping(20)]).state, n_pings=6)
    assert (done.insert, done.delete) == ((), ())


@pytest.mark.parametrize(
    ("before", "late"),
    [
        ([ping(1), ping(8)], ping(0)),  # it came up earlier than we knew
        ([ping(1), ping(8)], ping(1)),
        ([ping(1), ping(8)], ping(3, Action.FAIL)),
        ([ping(1), ping(8)], ping(3, Action.START)),
        ([ping(1), ping(2, Action.START), ping(4)], ping(3)),  # the run ended then
        ([ping(1), ping(4), ping(5, Action.START)], ping(3)),
        ([ping(1), ping(4, Action.FAIL)], ping(3)),
    ],
)
def test_any_other_late_event_needs_its_history(before: list[Event], late: Event) -> None:
    log = Log()
    log.deliver(*before)
    with pytest.raises(AssertionError, match="looked up"):
        deliver(RULES, log.state, [late], no_history)


@given(EVENTS, EVENTS)
def test_what_needs_no_history_is_what_the_history_would_have_said(
    known: list[Event], late: list[Event]
) -> None:
    log = Log()
    for event in known:
        log.deliver(event)
    times = {event.received_at for event in known}
    late = [event for event in late if event.received_at not in times]
    if not late or not is_late(log.state, late[0].received_at):
        return
    try:
        quick = deliver(RULES, log.state, late, no_history)
    except AssertionError:
        return
    thorough = refold(RULES, log.state, log.history(), late)
    assert (quick.state, quick.recorded) == (thorough.state, thorough.recorded)
    assert (quick.insert, quick.delete) == (thorough.insert, thorough.delete)


BATCHES = st.lists(st.integers(0, 5), max_size=12)
TELLS = st.lists(st.booleans(), max_size=12)
RANDOM, MANY = st.randoms(use_true_random=False), [pytest.mark.long, pytest.mark.timeout(2_400)]


def any_order_gives_the_state_and_flips_of_the_right_order(
    events: list[Event], random: Random, sizes: list[int]
) -> None:
    expected = fold(RULES, State(), events)
    shuffled = list(events)
    random.shuffle(shuffled)
    log = Log()
    while shuffled:
        size = max(sizes.pop() if sizes else 1, 1)
        log.deliver(*shuffled[:size])
        shuffled = shuffled[size:]
    assert log.state == expected.state
    flips = sorted(log.flips.values(), key=lambda known: known.flip.at)
    assert [known.flip for known in flips] == list(expected.flips)


def what_was_told_stays_and_the_last_word_is_true(
    events: list[Event], random: Random, tells: list[bool]
) -> None:
    expected = fold(RULES, State(), events).state
    shuffled = list(events)
    random.shuffle(shuffled)
    log, told = Log(), dict[tuple[object, Status], KnownFlip]()
    for event in shuffled:
        log.deliver(event)
        if tells and tells.pop():
            log.tell()
            told = dict(log.flips)
        assert told.items() <= log.flips.items()
    assert log.state.status is expected.status
    assert log.state.last_ping_at == expected.last_ping_at
    story = log.told_story()
    if story:
        assert story[-1][1] == expected.status
        assert all(one[1] != other[1] for one, other in itertools.pairwise(story))


@pytest.mark.parametrize("cases", [400, pytest.param(20_000, marks=MANY)])
def test_any_order_of_delivery_gives_the_state_and_flips_of_the_right_order(cases: int) -> None:
    rule = given(EVENTS, RANDOM, BATCHES)(any_order_gives_the_state_and_flips_of_the_right_order)
    settings(max_examples=cases, deadline=None)(rule)()


@pytest.mark.parametrize("cases", [400, pytest.param(20_000, marks=MANY)])
def test_what_was_told_stays_and_the_last_word_is_true(cases: int) -> None:
    rule = given(EVENTS, RANDOM, TELLS)(what_was_told_stays_and_the_last_word_is_true)
    settings(max_examples=cases, deadline=None)(rule)()
