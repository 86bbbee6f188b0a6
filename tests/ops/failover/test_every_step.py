"""A failover that is cut off anywhere: never two primaries, and always a way on."""

import io
from contextlib import redirect_stderr
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.console import Console
from ops.databases.node import FENCED
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.failover.carrying_out import Course, go
from ops.failover.hands import End, Outcome
from ops.failover.journal import Procedure, begun
from ops.failover.next_step import Decision, Wanted, Way, what_next
from ops.failover.telling import Steps
from tests.ops.failover.model import SYSTEM, Cut, Fate, World, renewed

FORWARD, UNDO, LOST = Wanted("db2"), Wanted("db2", is_undo=True), Wanted("db2", True)
MOST_ACTS = 30


def invoke(world: World, wanted: Wanted = FORWARD) -> Outcome | Decision:
    """Run the command once, as far as it gets. Cut when the operator's machine is gone."""
    world.write()
    world.is_lost = wanted.is_primary_lost
    decision = what_next(world.kept(), world.nodes(), wanted)
    if decision.way in (Way.REFUSE, Way.NOTHING):
        return decision
    procedure = decision.procedure
    if decision.way is Way.BEGIN:
        if not wanted.is_primary_lost and not (world.old.is_open and world.new.is_standby):
            return Decision(Way.REFUSE, words="the pre-flight is red")
        procedure = new_procedure(world, wanted)
    assert procedure is not None
    if wanted.is_primary_lost:
        procedure = replace(procedure, is_primary_lost=True)
    with redirect_stderr(io.StringIO()):
        return go(course_of(world), decision.way, procedure)


def course_of(world: World) -> Course:
    """Return a run whose clock goes on only while it waits."""
    seconds = [0.0]

    def wait(pause: float) -> None:
        seconds[0] += pause

    steps = Steps(Telling(Console({}), 4), lambda: seconds[0])
    return Course(world, steps, Stopping(), wait)


def new_procedure(world: World, wanted: Wanted) -> Procedure:
    return begun(
        "db1",
        "db2",
        (SYSTEM, world.new.timeline),
        "anna@desk",
        is_primary_lost=wanted.is_primary_lost,
        without_backup=True,
    )


def cut_off(world: World, wanted: Wanted, fates: dict[int, Fate]) -> Outcome | Decision | None:
    """Run the command with fates for some of its acts; None when that cut it off."""
    world.fates = fates
    try:
        return invoke(world, wanted)
    except Cut:
        return None


def is_ended(outcome: Outcome | Decision | None, end: End) -> bool:
    if isinstance(outcome, Decision):
        return end is End.DONE and outcome.way is Way.NOTHING
    return isinstance(outcome, Outcome) and outcome.end is end


def test_a_failover_with_nothing_in_its_way_promotes_the_standby() -> None:
    world = World()
    assert is_ended(invoke(world), End.DONE)
    assert world.new.is_open
    assert world.old.is_standby
    assert world.old.is_running
    assert world.old.kept is None
    assert world.new.kept is None


@pytest.mark.parametrize("fate", Fate)
@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_the_same_command_again_finishes_what_was_cut_off(number: int, fate: Fate) -> None:
    world = World()
    cut_off(world, FORWARD, {number: fate})
    world = renewed(world)
    outcome = invoke(world)
    if not is_ended(outcome, End.DONE):  # an undo was under way, and is finished first
        assert is_ended(outcome, End.UNDONE), outcome
        world = renewed(world)
        assert is_ended(invoke(world), End.DONE)
    assert world.new.is_open
    assert world.old.is_standby
    assert world.old.kept is None
    assert world.new.kept is None


@pytest.mark.parametrize("fate", Fate)
@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_undo_lets_the_old_one_write_again_unless_the_new_one_does(number: int, fate: Fate) -> None:
    world = World()
    first = cut_off(world, FORWARD, {number: fate})
    world = renewed(world)
    outcome = invoke(world, UNDO)
    if is_ended(outcome, End.UNDONE) or is_ended(first, End.UNDONE):
        assert world.old.is_open
        assert not world.was_promoted
    elif is_ended(first, End.DONE):
        assert world.new.is_open
    else:
        assert isinstance(outcome, Decision), outcome
        assert outcome.way is Way.REFUSE, outcome
        if world.old.is_open or "nothing to undo" in outcome.words:
            return  # it was cut off before anything was written down, or after all was done
        assert "cannot be undone" in outcome.words
        world = renewed(world)
        assert is_ended(invoke(world), End.DONE)


@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_a_red_before_the_line_leaves_the_old_one_writable(number: int) -> None:
    world = World()
    outcome = cut_off(world, FORWARD, {number: Fate.FAILS})
    if not world.was_promoted and not is_ended(outcome, End.CUT_OFF):
        assert world.old.is_open
        assert world.old.kept is None
        assert world.new.kept is None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([FORWARD, UNDO, LOST]),
            st.dictionaries(st.integers(0, MOST_ACTS), st.sampled_from(Fate), max_size=2),
            st.sampled_from(["on", "on", "off", "rebooted"]),
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_never_two_take_writes_whatever_is_cut_off_how_often(
    runs: list[tuple[Wanted, dict[int, Fate], str]], stop_hangs: bool
) -> None:
    world = World(stop_hangs=stop_hangs)
    for wanted, fates, power in runs:
        if power != "on":
            world.old.cut_power()
        if power != "off" and not world.old.is_on:
            world.boot(world.old)
        cut_off(world, wanted, fates)
        world.check()
        world = renewed(world)
    if not world.old.is_on:
        world.boot(world.old)
    world.stop_hangs = False
    for wanted in (LOST, LOST):  # the second one for what an undo was finished by the first
        if world.was_promoted and world.old.is_standby:
            break
        invoke(world, wanted)
        world = renewed(world)
    assert world.new.is_open, world.log


def test_a_stop_that_hangs_is_taken_back() -> None:
    world = World(stop_hangs=True)
    outcome = invoke(world)
    assert isinstance(outcome, Outcome)
    assert outcome.end is End.UNDONE
    assert "not stopped after 60 s" in outcome.trouble
    assert world.old.is_open
    assert world.old.kept is None


def test_a_standby_that_does_not_catch_up_is_not_promoted() -> None:
    world = World(is_replicating=False)
    outcome = invoke(world)
    assert isinstance(outcome, Outcome)
    assert outcome.end is End.UNDONE
    assert "has not replayed all" in outcome.trouble
    assert world.old.is_open
    assert not world.was_promoted


def test_a_silent_primary_is_given_up_only_with_the_word_for_it() -> None:
    world = World()
    world.old.is_on = False
    assert isinstance(invoke(renewed(world)), Decision)
    assert not world.was_promoted
    world = renewed(world)
    assert is_ended(invoke(world, LOST), End.DONE)
    assert world.new.is_open


def test_a_silent_primary_that_others_hear_of_is_not_given_up() -> None:
    world = World(is_heard=True)
    world.old.is_on = False
    outcome = invoke(world, LOST)
    assert isinstance(outcome, Outcome)
    assert outcome.end is End.UNDONE
    assert "is alive: app1 gets 'refused'" in outcome.trouble
    assert not world.was_promoted


def test_a_lost_primary_that_answers_is_fenced_and_stopped_first() -> None:
    world = World(is_replicating=False, stop_hangs=True)
    assert is_ended(invoke(world, LOST), End.DONE)
    assert world.new.is_open
    assert world.log.index("kill") < world.log.index("promote")


def test_an_undo_is_not_done_beside_a_new_one_that_does_not_answer() -> None:
    world = World()
    cut_off(world, FORWARD, {8: Fate.CUT_AFTER})
    assert world.old.marker == FENCED
    world.new.is_on = False
    outcome = invoke(renewed(world), UNDO)
    assert isinstance(outcome, Decision)
    assert "fab db.unfence db1 --peer-is-dead" in outcome.words


def test_another_target_is_refused_while_a_failover_is_under_way() -> None:
    world = World()
    cut_off(world, FORWARD, {8: Fate.CUT_AFTER})
    outcome = invoke(renewed(world), Wanted("db1"))
    assert isinstance(outcome, Decision)
    assert "fab db.failover --to db2 goes on" in outcome.words


def test_nothing_is_started_beside_a_new_one_that_somebody_has_promoted() -> None:
    world = World()
    procedure = new_procedure(world, FORWARD)
    world.fence(procedure)
    world.stop(procedure)
    world.promote(procedure)
    with redirect_stderr(io.StringIO()):
        outcome = go(course_of(world), Way.UNDO, procedure)
    assert outcome.end is End.CUT_OFF
    assert "nothing is started beside it" in outcome.trouble
    assert "start" not in world.log


@pytest.mark.parametrize("wanted", [FORWARD, LOST])
@pytest.mark.parametrize("number", range(MOST_ACTS))
def test_the_new_one_that_lost_its_power_is_brought_back_by_the_same_command(
    number: int, wanted: Wanted
) -> None:
    """Its guard waits for the old one, which is down by our own hand: nobody could write."""
    world = World()
    cut_off(world, FORWARD, {number: Fate.CUT_AFTER})
    if not world.was_promoted:
        return
    world.new.cut_power()
    world = renewed(world)
    world.boot(world.new)
    assert is_ended(invoke(world, wanted), End.DONE)
    assert world.new.is_open
    assert world.old.is_standby


def test_the_new_one_is_not_started_beside_a_silent_old_one_without_a_word_for_it() -> None:
    world = World()
    promoting = next(
        number for number in range(MOST_ACTS) if promoted_by(World(), {number: Fate.CUT_AFTER})
    )
    cut_off(world, FORWARD, {promoting: Fate.CUT_AFTER})
    world.old.cut_power()
    world.new.cut_power()
    world = renewed(world)
    world.boot(world.new)
    outcome = invoke(world)
    assert isinstance(outcome, Outcome)
    assert "When db1 is lost: add --primary-lost" in outcome.trouble
    assert not world.new.is_open
    world = renewed(world)
    assert is_ended(invoke(world, LOST), End.DONE)
    assert world.new.is_open


def promoted_by(world: World, fates: dict[int, Fate]) -> bool:
    cut_off(world, FORWARD, fates)
    return world.was_promoted
