"""The old primary follows the new one: the last step of a failover, by the way that it needs."""

from ops.databases.node import Node
from ops.databases.reading import read_node
from ops.databases.rejoining import Rejoin, rejoin
from ops.databases.way_back import Way, WayBack, way_back
from ops.deploy.desk import Desk
from ops.errors import ChangeFailed, HostError
from ops.failover.journal import Procedure

ASK_SECONDS = 60


def rejoin_old(desk: Desk, procedure: Procedure) -> str:
    """Have the old primary follow; return how it is. One that was given up may be off.

    ChangeFailed when it answers and cannot follow: it stays fenced, and the new one serves.
    """
    fleet, name = desk.fleet, procedure.old
    host, leader = fleet.host(name), fleet.host(procedure.new)
    try:
        old = read_node(desk.sessions, host)
    except HostError as error:
        if not procedure.is_primary_lost:
            raise
        return (
            f"does not answer ({error}) As soon as it does, before anything else: "
            f"fab db.fence {name}, then fab db.rejoin {name}."
        )
    found = way_back(old, read_node(desk.sessions, leader))
    if words := why_left(procedure, old, found):
        return words
    # From here on it is a standby like any other: only the new one keeps the failover.
    audit = desk.did(host, f"failover to {procedure.new}: follows from now on")
    desk.of(host).ask("keep_procedure", answer_seconds=ASK_SECONDS, procedure={}, audit=audit)
    rejoin(desk, Rejoin(host, leader, found))
    return f"follows {leader.name}: {found.why}"


def why_left(procedure: Procedure, old: Node, found: WayBack) -> str:
    """Return why the old one is left as it is, "" when it can follow at once. Pure.

    ChangeFailed when the failover has not ended: a second one that takes writes is never left.
    A rewind throws rows away; after a planned stop nothing is past the fork, so there was more
    than this failover, and a person decides.
    """
    name = old.name
    if old.takes_writes:
        raise ChangeFailed(f"{name} takes writes beside {procedure.new}: fab db.fence {name}.")
    if found.way in (Way.CLONE, Way.REFUSED):
        words = f"fab db.standby {name} --reclone" if found.way is Way.CLONE else "fab db.status"
        if procedure.is_primary_lost:
            return f"cannot follow with the data that it has: {found.why}. {words}."
        raise ChangeFailed(f"{name} cannot follow: {found.why}. {words}.")
    if found.way is Way.REWIND:
        words = f"fab db.rejoin {name} rewinds it, and throws away what only it has"
        return f"stays fenced: {found.why}. {words}."
    return ""
