"""A failover is taken back: this is where the old primary serves again.

Each part is looked at before it is done, so that any mixture of steps is led back, and
this, cut off anywhere, can be done again. What lets applications in comes last.
"""

import contextlib

from ops.databases.node import Node
from ops.errors import ChangeFailed, OpsError
from ops.failover.hands import End, Hands, Outcome
from ops.failover.journal import Procedure, Step
from ops.failover.next_step import is_promoted
from ops.failover.telling import Steps


def undo(hands: Hands, steps: Steps, procedure: Procedure, trouble: str = "") -> Outcome:
    """Let the old primary serve again; nothing may have been promoted, and nothing is then.

    `trouble` is why, and comes back in the outcome.
    """
    procedure = procedure.at(Step.UNDO)
    try:
        with steps.step("undo", procedure.old) as step:
            step.words = _undo(hands, procedure)
    except OpsError as error:
        again = f"fab db.failover --to {procedure.new} --undo"
        why = f"{error} It is not taken back yet: {again} does it when that is mended."
        return Outcome(End.CUT_OFF, "\n".join(filter(None, (trouble, why))))
    return Outcome(End.UNDONE, trouble)


def _undo(hands: Hands, procedure: Procedure) -> str:
    """Do it; return what came of it."""
    old, new = hands.look(procedure)
    if new is not None and is_promoted(procedure, new):
        raise ChangeFailed(f"{procedure.new} takes writes: nothing is started beside it.")
    if old is None and procedure.is_primary_lost:
        hands.forget(procedure)
        return "does not answer, and is as it was"
    hands.keep(procedure, procedure.old)
    with contextlib.suppress(OpsError):
        hands.keep(procedure, procedure.new)
    if old is None or not _serves(old):
        _start(hands, procedure, old, new)
    hands.unfence(procedure)
    old, _ = hands.look(procedure)
    if old is None or not _serves(old) or old.fence:
        raise ChangeFailed(f"{procedure.old}: does not take writes, or is still fenced.")
    with contextlib.suppress(OpsError):
        hands.release(procedure)
    hands.forget(procedure)
    return "takes writes again"


def _start(hands: Hands, procedure: Procedure, old: Node | None, new: Node | None) -> None:
    """Start the old one; a stop that hangs is ended first.

    Its guard asks the new one. Who does not answer it was not promoted: we have not sent that.
    """
    if old is not None and old.unit not in ("active", "inactive", "failed"):
        hands.kill(procedure)  # it is on its way down, and does not get there
    hands.allow_start(procedure)
    hands.start(procedure, may_start_alone=new is None or new.server is None)


def _serves(old: Node) -> bool:
    return old.takes_writes and old.unit == "active"
