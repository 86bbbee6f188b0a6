"""What to do with what is there: begin, go on, take back, or nothing. Pure.

The hosts' own state has the last word; the journals say what may have been done besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ops.databases.node import Node
from ops.failover.journal import Procedure, Step


class Way(StrEnum):
    """Where it goes on."""

    NOTHING = "nothing"
    BEGIN = "begin"
    FORWARD = "forward"
    FINISH = "finish"
    UNDO = "undo"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator has asked for."""

    to: str
    is_primary_lost: bool = False
    is_undo: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The way, of which procedure, and why in words for the operator.

    BEGIN has none yet. FORWARD does all steps before the promotion again; FINISH only
    those from it on.
    """

    way: Way
    procedure: Procedure | None = None
    words: str = ""


Kept = Mapping[str, Procedure | None]  # by database host that answers


def what_next(kept: Kept, nodes: Mapping[str, Node], wanted: Wanted) -> Decision:
    """Return what to do. A host that is in neither mapping does not answer."""
    alive = [one for one in kept.values() if one and not is_over(one, nodes)]
    if not alive:
        return _of_none(nodes, wanted)
    # The new one's word is the newer one: a primary that was given up has not heard the rest.
    procedure = next((one for one in alive if kept.get(one.new) == one), alive[0])
    if procedure.new not in nodes:
        return _refuse(
            procedure,
            f"{procedure.new} does not answer, and may have been promoted: bring it back first. "
            "Only when it is certainly dead, and stays so: "
            f"fab db.unfence {procedure.old} --peer-is-dead.",
        )
    is_sent = _is_sent(procedure, kept)
    if _is_as_before(procedure, nodes) and not (is_sent and procedure.is_primary_lost):
        if wanted.is_undo:
            return Decision(Way.UNDO, procedure, f"Taking back {procedure}.")
        return Decision(Way.BEGIN, words=f"{procedure}, was cut off with nothing changed.")
    if len({one.id for one in alive}) > 1:
        named = "; ".join(sorted({str(one) for one in alive}))
        return _refuse(None, f"Two failovers are under way: {named}. Look at both hosts first.")
    if procedure.new != wanted.to:
        return _refuse(
            procedure,
            f"Under way is {procedure}. fab db.failover --to {procedure.new} goes on with it; "
            "with --undo it is taken back, as long as nothing was promoted.",
        )
    if is_sent or is_promoted(procedure, nodes[procedure.new]):
        return _after(procedure, wanted)
    return _before(procedure, nodes, wanted)


def _of_none(nodes: Mapping[str, Node], wanted: Wanted) -> Decision:
    if wanted.is_undo:
        return _refuse(None, "No failover is under way: there is nothing to undo.")
    if [one.name for one in nodes.values() if one.takes_writes] == [wanted.to]:
        return Decision(Way.NOTHING, words=f"{wanted.to} is the primary: nothing to do.")
    return Decision(Way.BEGIN)


def is_over(procedure: Procedure, nodes: Mapping[str, Node]) -> bool:
    """Tell whether nothing is left to do of it: the new one serves, the old one follows it."""
    old, new = nodes.get(procedure.old), nodes.get(procedure.new)
    if not (old and new and new.takes_writes and new.timeline > procedure.timeline):
        return False
    return old.is_streaming and not old.fence and old.timeline == new.timeline


def _is_as_before(procedure: Procedure, nodes: Mapping[str, Node]) -> bool:
    """Tell whether the old one serves and the new one follows, as if nothing had been begun.

    So it is also after an undo that could not reach the new one's journal.
    """
    old, new = nodes.get(procedure.old), nodes[procedure.new]
    is_serving = old is not None and old.takes_writes and not old.fence
    return is_serving and new.is_standby and new.timeline == procedure.timeline


def _is_sent(procedure: Procedure, kept: Kept) -> bool:
    """Tell whether the word to promote may have been sent: it is on the new one's disk before."""
    own = kept.get(procedure.new)
    return own is not None and own.step.is_final


def is_promoted(procedure: Procedure, new: Node) -> bool:
    """Tell whether the new one has become a primary since, whether it runs or not."""
    return new.takes_writes or (not new.standby_signal and new.timeline > procedure.timeline)


def _after(procedure: Procedure, wanted: Wanted) -> Decision:
    if wanted.is_undo:
        return _refuse(
            procedure,
            f"{procedure.new} is promoted, or may be: this cannot be undone. "
            f"fab db.failover --to {procedure.new} finishes it; then fail over to "
            f"{procedure.old} if it is to be the primary.",
        )
    return Decision(Way.FINISH, procedure, f"Going on with {procedure}.")


def _before(procedure: Procedure, nodes: Mapping[str, Node], wanted: Wanted) -> Decision:
    is_back = wanted.is_undo or (procedure.step is Step.UNDO and not wanted.is_primary_lost)
    if is_back and procedure.old in nodes:
        return Decision(Way.UNDO, procedure, f"Taking back {procedure}.")
    if is_back:
        return _refuse(
            procedure,
            f"{procedure.old} does not answer: nothing can be undone there. When it is lost: "
            f"fab db.failover --to {procedure.new} --primary-lost.",
        )
    if wanted.is_primary_lost:
        lost = replace(procedure, is_primary_lost=True)
        return Decision(Way.FORWARD, lost, f"Going on with {lost}.")
    if procedure.is_primary_lost or procedure.old not in nodes:
        return _refuse(
            procedure,
            f"{procedure} was cut off before anything was promoted, and {procedure.old} is lost "
            "or does not answer: add --primary-lost to go on, or --undo to take it back.",
        )
    return Decision(Way.FORWARD, procedure, f"Going on with {procedure}.")


def _refuse(procedure: Procedure | None, words: str) -> Decision:
    return Decision(Way.REFUSE, procedure, words)
