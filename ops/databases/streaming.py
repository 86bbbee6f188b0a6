"""Does a standby follow, and closely? This is where that is waited for and proved."""

import time

from ops.databases.judging import MOST_LAG_BYTES, lag_of, the_primary
from ops.databases.node import Node
from ops.databases.reading import Nodes, read_node, read_nodes
from ops.deploy.desk import Desk
from ops.errors import ChangeFailed, HostError
from provisioning.fleet import Host, Role

STREAM_SECONDS = 180.0
PAUSE_SECONDS = 0.5
LOG_SECONDS = 60


def why_not_following(name: str, nodes: Nodes) -> str:
    """Return why a host does not follow the primary closely at this moment; "" when it does.

    A failover asks that, too, in its own last steps: its journal is no reason here.
    """
    one, primary = nodes[name], the_primary(nodes)
    if isinstance(one, str):
        return one
    if primary is None or primary.server is None:
        return "there is no one primary to follow"
    if one.server is None:
        return f"PostgreSQL does not answer: {one.said}"
    if not one.is_standby:
        return "it is no standby"
    if not one.is_streaming:
        return f"it does not stream from {primary.name}"
    if one.timeline != primary.timeline:
        return f"it is on timeline {one.timeline}, {primary.name} on {primary.timeline}"
    if one.server.is_replay_paused:
        return "its replay is paused"
    lag = lag_of(one, primary)
    return f"it is far behind: {lag}" if lag and lag.size_bytes > MOST_LAG_BYTES else ""


def why_not_worked_on(name: str, nodes: Nodes) -> str:
    """Return why a database host is not to be stopped now; "" for a standby, or an empty host."""
    one = nodes[name]
    if isinstance(one, Node) and not one.version:
        return ""
    if isinstance(one, Node) and one.takes_writes:
        standbys = [each.name for each in nodes.values() if isinstance(each, Node)]
        to = next((each for each in standbys if each != name), "HOST")
        words = f"{name} is the primary, and is worked on only as a standby"
        return f"{words}: fab db.failover --to {to} first."
    if isinstance(one, Node) and one.procedure is not None:
        return f"{name}: a failover is under way, or was cut off."
    why = why_not_following(name, nodes)
    return f"{name} is worked on only while it follows closely, and {why}." if why else ""


def refuse_work(desk: Desk, host: Host) -> None:
    """Raise ChangeFailed when a database host is not to be stopped at this moment."""
    nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
    if why := why_not_worked_on(host.name, nodes):
        raise ChangeFailed(why)


def prove_work(desk: Desk, host: Host) -> None:
    """Wait until a database host that was worked on streams again, if it has a cluster."""
    with desk.telling.step("stream", host.name) as step:
        one = read_node(desk.sessions, host)
        step.words = prove_streaming(desk, host) if one.version else "it has no cluster"


def prove_streaming(desk: Desk, host: Host, seconds: float = STREAM_SECONDS) -> str:
    """Wait until a standby streams and is close behind; return its lag in words.

    ChangeFailed says why it does not, with what its log says.
    """
    databases, deadline = desk.hosts(Role.DATABASE), time.monotonic() + seconds
    while True:
        nodes = read_nodes(desk.sessions, databases)
        why = why_not_following(host.name, nodes)
        if not why:
            return _words(nodes[host.name], the_primary(nodes))
        if time.monotonic() > deadline:
            said = f"{host.name}: {seconds:.0f} s, and {why}."
            raise ChangeFailed(f"{said} {last_words(desk, host)}".rstrip())
        desk.telling.progress(f"  {host.name}  {why} ...")
        time.sleep(PAUSE_SECONDS)


def last_words(desk: Desk, host: Host) -> str:
    """Return what the server's log says of trouble, and what to do when only a clone helps."""
    try:
        said = desk.of(host).ask("database_log", answer_seconds=LOG_SECONDS)["lines"]
    except HostError as error:
        return str(error)
    words = " | ".join(said)
    if "has already been removed" in words or "is not a child of" in words:
        words += f". What it needs is gone: fab db.standby {host.name} --reclone."
    return words


def _words(one: Node | str, primary: Node | None) -> str:
    lag = lag_of(one, primary) if isinstance(one, Node) else None
    return f"from {primary.name}, {lag}" if primary else ""
