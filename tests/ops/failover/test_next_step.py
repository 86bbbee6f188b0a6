"""What a second invocation does with what the first one has left."""

from dataclasses import replace

import pytest

from ops.databases.node import FENCED, Node
from ops.errors import Refused
from ops.failover.journal import Step, begun, packed, unpacked
from ops.failover.next_step import Decision, Wanted, Way, what_next
from tests.ops.databases.nodes import control, node, primary, standby

BEGUN = begun("db1", "db2", (control().system_identifier, 3), "anna@desk",
              is_primary_lost=False, without_backup=False)  # fmt: skip
STOPPED = node("db1", marker=FENCED, fence=True, unit="inactive")
TO, UNDO, LOST = Wanted("db2"), Wanted("db2", is_undo=True), Wanted("db2", is_primary_lost=True)


def next_of(
    wanted: Wanted, old: Step | None, new: Step | None, *nodes: Node
) -> Decision:  # fmt: skip
    kept = {"db1": BEGUN.at(old) if old else None, "db2": BEGUN.at(new) if new else None}
    there = {one.name: one for one in nodes or (STOPPED, standby())}
    return what_next({name: kept[name] for name in there}, there, wanted)


def test_what_a_host_keeps_comes_back_as_it_was() -> None:
    assert unpacked("db1", packed(BEGUN.at(Step.STOP))) == BEGUN.at(Step.STOP)
    assert unpacked("db1", None) is None


@pytest.mark.parametrize("kept", [{}, {"step": "dance"}, packed(BEGUN) | {"colour": "red"}])
def test_what_nobody_understands_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"failover\.json is not understood"):
        unpacked("db1", kept)


def test_nothing_kept_is_a_beginning() -> None:
    assert next_of(TO, None, None, primary(), standby()).way is Way.BEGIN
    assert next_of(UNDO, None, None, primary(), standby()).way is Way.REFUSE


def test_who_is_the_primary_already_needs_nothing() -> None:
    assert next_of(TO, None, None, primary("db2", "db1"), standby("db1", "db2")).way is Way.NOTHING


@pytest.mark.parametrize("step", [Step.PREPARE, Step.FENCE, Step.STOP, Step.CATCH_UP])
def test_before_the_line_both_ways_are_open(step: Step) -> None:
    assert next_of(TO, step, step).way is Way.FORWARD
    assert next_of(UNDO, step, step).way is Way.UNDO


@pytest.mark.parametrize("step", [Step.PROMOTE, Step.SETTLE, Step.PROVE, Step.REJOIN])
def test_after_the_line_only_forward(step: Step) -> None:
    assert next_of(TO, Step.PROMOTE, step).way is Way.FINISH
    refused = next_of(UNDO, Step.PROMOTE, step)
    assert refused.way is Way.REFUSE
    assert "cannot be undone" in refused.words


def test_the_line_is_crossed_when_the_new_one_knows_of_it() -> None:
    assert next_of(TO, Step.PROMOTE, Step.CATCH_UP).way is Way.FORWARD
    assert next_of(UNDO, Step.PROMOTE, Step.CATCH_UP).way is Way.UNDO
    assert next_of(UNDO, Step.CATCH_UP, Step.PROMOTE).way is Way.REFUSE


def test_a_new_one_that_is_promoted_whatever_is_kept_is_not_taken_back() -> None:
    promoted = replace(primary("db2", "db1"), control=control(timeline=4))
    assert next_of(UNDO, Step.STOP, Step.STOP, STOPPED, promoted).way is Way.REFUSE
    stopped = replace(promoted, server=None)
    assert next_of(UNDO, Step.STOP, Step.STOP, STOPPED, stopped).way is Way.REFUSE


def test_a_new_one_that_does_not_answer_may_be_the_primary() -> None:
    for wanted in (TO, UNDO, LOST):
        refused = next_of(wanted, Step.STOP, None, STOPPED)
        assert refused.way is Way.REFUSE
        assert "fab db.unfence db1 --peer-is-dead" in refused.words


def test_an_old_one_that_does_not_answer_is_given_up_only_by_word() -> None:
    assert "--primary-lost" in next_of(TO, None, Step.STOP, standby()).words
    assert next_of(UNDO, None, Step.STOP, standby()).way is Way.REFUSE
    lost = next_of(LOST, None, Step.STOP, standby())
    assert lost.way is Way.FORWARD
    assert lost.procedure is not None
    assert lost.procedure.is_primary_lost


def test_an_undo_that_was_cut_off_is_finished_first() -> None:
    assert next_of(TO, Step.UNDO, Step.UNDO).way is Way.UNDO


def test_where_nothing_was_changed_it_begins_anew() -> None:
    for step in (Step.PREPARE, Step.UNDO, Step.PROMOTE):
        assert next_of(TO, None, step, primary(), standby()).way is Way.BEGIN
        assert next_of(UNDO, None, step, primary(), standby()).way is Way.UNDO


def test_two_at_once_are_for_a_person_to_look_at() -> None:
    kept = {"db1": BEGUN.at(Step.STOP), "db2": replace(BEGUN, id="other", step=Step.STOP)}
    decision = what_next(kept, {"db1": STOPPED, "db2": standby()}, TO)
    assert decision.way is Way.REFUSE
    assert "Two failovers" in decision.words
