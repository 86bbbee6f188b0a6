"""The steps of a failover in their order: this is where they are carried out.

    E1 prepare   E2 fence   E3 stop   E4, E5 catch up     any red: undone
    -------------------------------------------------     the point of no return
    E6 promote   E7 settle   E8 prove   E9 rejoin         any red: the next run goes on

Before each step it is on the disks of the hosts. Until the promotion is sent the old
primary alone may serve, from then on the new one alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ops.deploy.stopping import Stopping
from ops.errors import ChangeFailed, OpsError
from ops.failover.hands import End, Hands, Outcome
from ops.failover.journal import Procedure, Step
from ops.failover.next_step import Way, is_promoted
from ops.failover.safety import why_not_promote
from ops.failover.telling import Steps
from ops.failover.undoing import undo

STOP_SECONDS = 60
CATCH_UP_SECONDS = 30.0
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Course:
    """One run: the hands, its steps, and who may stop it."""

    hands: Hands
    steps: Steps
    stopping: Stopping
    wait: Callable[[float], None]


def go(course: Course, way: Way, procedure: Procedure) -> Outcome:
    """Go on with it by the way that was decided on."""
    if way is Way.UNDO:
        with course.stopping.ignored():
            return undo(course.hands, course.steps, procedure)
    return finish(course, procedure) if way is Way.FINISH else carry_out(course, procedure)


def carry_out(course: Course, procedure: Procedure) -> Outcome:
    """Do all steps; before the line any red, or Ctrl-C, takes all of it back."""
    try:
        _to_the_line(course, procedure)
        course.stopping.check()
        _cross(course, procedure)
    except OpsError as red:
        with course.stopping.ignored():
            return undo(course.hands, course.steps, procedure, _why(procedure, red))
    return finish(course, procedure, is_checked=True)


def _why(procedure: Procedure, red: OpsError) -> str:
    """Return why it is taken back; of a lost one that still answers also what helps."""
    hint = f" If {procedure.old} cannot be fenced and stopped, switch it off, and do this again."
    return f"{red}{hint if procedure.is_primary_lost else ''}"


def finish(course: Course, procedure: Procedure, *, is_checked: bool = False) -> Outcome:
    """Do the steps from the promotion on; nothing is taken back any more.

    Not `is_checked`: an earlier run has crossed the line, and may not have promoted. What
    has to be so before that is looked at again.
    """
    with course.stopping.ignored():
        try:
            if not is_checked:
                _, new = course.hands.look(procedure)
                if new is None or not new.takes_writes:
                    _down_again(course, procedure)
            _finish(course, procedure)
        except OpsError as red:
            return Outcome(End.CUT_OFF, str(red))
    return Outcome(End.DONE)


def _to_the_line(course: Course, procedure: Procedure) -> None:
    hands, steps, old = course.hands, course.steps, procedure.old
    node, _ = hands.look(procedure)
    if node is not None:
        _enter(course, procedure, Step.PREPARE)
        with steps.step("checkpoint", old):
            is_quick = node.takes_writes and not procedure.is_primary_lost
            hands.prepare(procedure, has_checkpoint=is_quick)
        _enter(course, procedure, Step.FENCE)
        with steps.step("fence", old):
            hands.fence(procedure)
        _enter(course, procedure, Step.STOP)
        with steps.step("stop", old):
            _stop(hands, procedure)
        _enter(course, procedure, Step.CATCH_UP)
    else:
        hands.keep(procedure.at(Step.CATCH_UP), procedure.new)
    with steps.step("catch up", procedure.new) as told:
        _catch_up(course, procedure)
        is_lost = procedure.is_primary_lost
        told.words = "goes on with what it has" if is_lost else "has replayed all of it"


def _down_again(course: Course, procedure: Procedure) -> None:
    """Have the old one fenced and stopped, whatever was done to it since the line was crossed.

    Then the new one may be started, when it was promoted and has lost its power since.
    """
    hands, steps = course.hands, course.steps
    old, _ = hands.look(procedure)
    if old is not None:
        with steps.step("fence", procedure.old):
            hands.fence(procedure)
        with steps.step("stop", procedure.old):
            _stop(hands, procedure)
    with steps.step("catch up", procedure.new):
        _catch_up(course, procedure, is_crossed=True)
    old, new = hands.look(procedure)
    if new is not None and new.server is None and is_promoted(procedure, new):
        if old is None and not procedure.is_primary_lost:
            raise ChangeFailed(
                f"{new.name} was promoted and is down, and {procedure.old} does not answer, which "
                f"its guard waits for. When {procedure.old} is lost: add --primary-lost."
            )
        with steps.step("start", procedure.new):
            hands.start_promoted(procedure)


def _enter(course: Course, procedure: Procedure, step: Step) -> None:
    course.stopping.check()
    course.hands.keep(procedure.at(step), procedure.old, procedure.new)


def _stop(hands: Hands, procedure: Procedure) -> None:
    if hands.stop(procedure):
        return
    if not procedure.is_primary_lost:
        raise ChangeFailed(f"{procedure.old}: not stopped after {STOP_SECONDS} s.")
    hands.kill(procedure)


def _catch_up(course: Course, procedure: Procedure, *, is_crossed: bool = False) -> None:
    """Wait until all that has to be so for a promotion is. ChangeFailed says what is not.

    `is_crossed`: an earlier run may have sent it, and it may be done at any moment.
    """
    deadline = course.steps.clock() + CATCH_UP_SECONDS
    while True:
        old, new = course.hands.look(procedure)
        is_asked = old is None and procedure.is_primary_lost
        silence = course.hands.listen(procedure) if is_asked else None
        if new is None:
            words = f"{procedure.new} does not answer."
        else:
            words = why_not_promote(procedure, old, new, silence)
        if not words or (is_crossed and new is not None and is_promoted(procedure, new)):
            return
        if silence is not None or course.steps.clock() > deadline:
            raise ChangeFailed(words)
        course.stopping.check()
        course.wait(PAUSE_SECONDS)


def _cross(course: Course, procedure: Procedure) -> None:
    """Say on the disks that it is promoted now: the new one's word is what counts later.

    The old one first: when it cannot be told any more, nothing is crossed.
    """
    crossing = procedure.at(Step.PROMOTE)
    if not procedure.is_primary_lost:
        course.hands.keep(crossing, procedure.old)
    course.hands.keep(crossing, procedure.new)


def _finish(course: Course, procedure: Procedure) -> None:
    hands, steps, new = course.hands, course.steps, procedure.new
    with steps.step("promote", new):
        hands.promote(procedure)
    hands.keep(procedure.at(Step.SETTLE), new)
    with steps.step("settle", new) as told:
        told.words = hands.settle(procedure)
    hands.keep(procedure.at(Step.PROVE), new)
    with steps.step("prove", new) as told:
        told.words = hands.prove(procedure)
    hands.keep(procedure.at(Step.REJOIN), new)
    with steps.step("rejoin", procedure.old) as told:
        told.words = hands.rejoin(procedure)
    hands.forget(procedure)
