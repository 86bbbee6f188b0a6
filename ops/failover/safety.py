"""May the standby be promoted? Pure: the last thing that is looked at before no way leads back.

Two hosts that take writes are worse than none: whoever cannot prove it does not promote.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.databases.node import FENCED, Node
from ops.failover.journal import Procedure

SHUT_DOWN = "shut down"
_AT_REST = ("inactive", "failed")


@dataclass(frozen=True, slots=True)
class Silence:
    """How the old primary's host was heard of: `heard` says by whom it still was, and at what.

    `asked` are the hosts that tried all of its ports, over IPv4 and IPv6.
    """

    asked: tuple[str, ...]
    heard: tuple[str, ...]


def why_not_promote(
    procedure: Procedure, old: Node | None, new: Node, silence: Silence | None
) -> str:
    """Return why the standby may not be promoted now, "" when it may.

    `old` None: its host does not answer us, and `silence` says who else has tried.
    """
    return next(_reasons(procedure, old, new, silence), "")


def _reasons(
    procedure: Procedure, old: Node | None, new: Node, silence: Silence | None
) -> Iterator[str]:
    yield from _not_a_standby(procedure, new)
    if old is not None:
        if words := not_at_rest(old):
            yield words
        if not procedure.is_primary_lost:
            yield from _not_complete(procedure, old, new)
    elif not procedure.is_primary_lost:
        yield (
            f"{procedure.old} does not answer: nobody knows that it is fenced and stopped. When it "
            "is lost: --primary-lost."
        )
    elif words := why_not_silent(procedure.old, silence):
        yield words


def not_at_rest(old: Node) -> str:
    """Return what the old primary lacks to be fenced and stopped, by its own word; "" for it is."""
    if old.marker != FENCED or old.start_conf != "disabled":
        return f"{old.name} may be started again: its marker or its start.conf says so."
    if not (old.fence and old.fence_file):
        return f"{old.name} is not fenced: application servers may get through to it."
    if old.server is not None or old.unit not in _AT_REST:
        return f"{old.name} is not stopped: its unit is {old.unit}."
    return ""


def why_not_silent(name: str, silence: Silence | None) -> str:
    """Return why a host that does not answer us may still serve others."""
    if silence is None or not silence.asked:
        return f"{name} does not answer us, and nobody else has tried whether it answers."
    if silence.heard:
        return (
            f"{name} does not answer us, but is alive: {'; '.join(silence.heard)}. Switch it off "
            "(at its provider, or by its power), then do this again."
        )
    return ""


def _not_a_standby(procedure: Procedure, new: Node) -> Iterator[str]:
    if new.server is None:
        yield f"{new.name} does not answer: {new.said}."
    elif not new.server.is_standby:
        yield f"{new.name} is no standby."
    elif new.control is None or new.control.system_identifier != procedure.system_identifier:
        yield f"{new.name} has another database: its system identifier differs."
    elif new.server.timeline != procedure.timeline:
        yield (
            f"{new.name} is on timeline {new.server.timeline}, and {procedure.old} was on "
            f"{procedure.timeline}."
        )


def _not_complete(procedure: Procedure, old: Node, new: Node) -> Iterator[str]:
    """Yield what the standby lacks of a primary that was stopped in good order."""
    if old.control is None or old.control.state != SHUT_DOWN:
        state = old.control.state if old.control else "unknown"
        yield f"{old.name} was not shut down in good order: pg_controldata says '{state}'."
    elif (old.control.system_identifier, old.control.timeline) != (
        procedure.system_identifier,
        procedure.timeline,
    ):
        yield f"{old.name} has another database, or timeline, than when this began."
    elif new.server is None or new.server.replay_lsn <= old.control.checkpoint_lsn:
        yield f"{new.name} has not replayed all that {old.name} has written."
