"""Does exactly one database take writes, and do the others follow it closely."""

from collections.abc import Iterator, Mapping

from ops.databases.judging import findings, lag_of, the_primary, who_is_primary
from ops.databases.node import Node, node_of
from ops.doctor.database import SUBJECT
from ops.doctor.seen import FLEET, Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import POSTGRESQL

_CLUSTER = "cluster"


def questions(_fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> Questions:
    """Ask each database host that has a cluster how that is."""
    if host.role is Role.DATABASE and machines[host.name].main:
        return {_CLUSTER: {"about": "cluster", "port": POSTGRESQL.port}}
    return {}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield who is the primary, what is wrong with each, and how far standbys are behind."""
    nodes: dict[str, Node | str] = {}
    databases = seen.fleet.of_role(Role.DATABASE)
    for host in databases:
        if host.name in seen.troubles:
            nodes[host.name] = seen.troubles[host.name]
            continue
        yield from _others(seen, host)
        if not seen.machines[host.name].main:
            words = f"has no cluster of PostgreSQL yet: fab apply, or fab db.standby {host.name}."
            yield Line(SUBJECT, host.name, Level.NOTE, words)
        elif "failed" in (answer := seen.answer(host, _CLUSTER)):
            yield not_examined(SUBJECT, host, answer)
            nodes[host.name] = str(answer["failed"])
        else:
            nodes[host.name] = node_of(host.name, answer)
    if nodes:
        yield from _of_nodes(nodes)
    elif applied := [host.name for host in databases if seen.machines[host.name].applied]:
        words = (
            f"no host has a cluster, and {' and '.join(applied)} had an apply: it was dropped, or "
            "what it was on is away. Bring it back, from a backup if need be; fab apply makes an "
            "empty one where nothing is left of it."
        )
        yield Line(SUBJECT, FLEET, Level.RED, words)


def _of_nodes(nodes: Mapping[str, Node | str]) -> Iterator[Line]:
    is_well, words = who_is_primary(nodes)
    yield Line(SUBJECT, FLEET, Level.GREEN if is_well else Level.RED, words)
    found = list(findings(nodes))
    for one in found:
        yield Line(SUBJECT, one.host, Level.RED if one.is_red else Level.NOTE, one.words)
    wrong, primary = {one.host for one in found}, the_primary(nodes)
    for node in nodes.values():
        if isinstance(node, Node) and primary and node.is_streaming and node.name not in wrong:
            words = f"streams from {primary.name}, {lag_of(node, primary)}"
            yield Line(SUBJECT, node.name, Level.GREEN, words)


def _others(seen: Seen, host: Host) -> Iterator[Line]:
    """Yield a note of clusters that nobody described."""
    machine = seen.machines[host.name]
    if others := [str(one) for one in machine.clusters if one != machine.main]:
        words = f"has {', '.join(others)}, which is not the fleet's: nothing looks after it."
        yield Line(SUBJECT, host.name, Level.NOTE, words)
