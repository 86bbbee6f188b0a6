"""An operator keeps a database down, or lets it up again: this is where, beside all procedures.

A fenced host takes no writes and nothing starts it: role marker, Debian's start.conf, and a
firewall that lets no application in, over reloads and reboots.
"""

from collections.abc import Mapping

from ops.databases.node import PRIMARY, Node
from ops.databases.reading import read_nodes
from ops.deploy.desk import Desk
from ops.errors import ChangeFailed, HostError, Refused
from provisioning.fleet import Host, Role
from provisioning.flows import POSTGRESQL, addresses

STOP_SECONDS, START_SECONDS, ACT_SECONDS = 60, 120, 120
BY_HAND = "by hand"
STARTING_UP = "the database system is starting up"  # PostgreSQL's words during a recovery

Nodes = Mapping[str, Node | str]


def why_not_fenced(host: str, nodes: Nodes) -> str:
    """Return why a host is not to be fenced; "" when it may be."""
    one = nodes[host]
    if isinstance(one, str):
        words = f"{one} It can only be fenced where it is: cut its power, and then"
        return f"{words} fab db.failover --primary-lost."
    if not one.version:
        return f"{host} has no cluster."
    if one.standby_signal and not one.takes_writes:
        return f"{host} is a standby: it takes no writes, and always may."
    return ""


def consequence(host: str, nodes: Nodes) -> str:
    """Return in a sentence what a fence means for the applications."""
    others = [one.name for one in nodes.values() if isinstance(one, Node) and one.takes_writes]
    left = [name for name in others if name != host]
    if left:
        return f"FENCE {host}.  It stops; {' and '.join(left)} takes writes."
    words = f"FENCE {host}.  It stops, and no database takes writes until fab db.unfence {host}"
    return f"{words} or fab db.failover; pings are kept by the receivers meanwhile."


def fence(desk: Desk, host: Host) -> None:
    """Keep applications out, then stop the server; one that hangs is ended as by a crash."""
    session, telling = desk.of(host), desk.telling
    with telling.step("fence", host.name):
        session.ask(
            "fence",
            answer_seconds=ACT_SECONDS,
            addresses=list(addresses(desk.fleet, Role.APP_SERVER)),
            port=POSTGRESQL.port,
            by=desk.who,
            why=BY_HAND,
            audit=desk.did(host, "fence the database"),
        )
    with telling.step("stop", host.name) as step:
        audit = desk.did(host, "stop the database")
        said = session.ask(
            "stop_database",
            answer_seconds=STOP_SECONDS + ACT_SECONDS,
            seconds=STOP_SECONDS,
            audit=audit,
        )
        if not said["is_stopped"]:
            audit = desk.did(host, "end the database, which does not stop")
            said = session.ask("kill_database", answer_seconds=ACT_SECONDS, audit=audit)
            step.words = "ended, since it did not stop"
        if not said["is_stopped"]:
            raise ChangeFailed(f"{host.name}: PostgreSQL still runs. Cut the host's power.")


def why_not_unfenced(host: str, nodes: Nodes, *, peer_is_dead: bool) -> str:
    """Return why a host is not to be the primary again; "" when it may be."""
    one = nodes[host]
    if isinstance(one, str):
        return one
    if not one.version or one.control is None:
        return f"{host} has no cluster that could be started."
    if one.rewinding:
        return f"{host}: a rewind was cut off: fab db.standby {host} --reclone."
    if one.procedure is not None and not peer_is_dead:
        return f"{host}: a failover is under way, or was cut off: the same fab db.failover again."
    if one.standby_signal and not one.takes_writes:
        return ""
    others = [each for name, each in nodes.items() if name != host]
    for each in others:
        if isinstance(each, Node) and each.takes_writes:
            return f"{each.name} is the primary. {host} can only follow it: fab db.rejoin {host}."
        if isinstance(each, Node) and each.timeline > one.timeline:
            words = f"{each.name} is on timeline {each.timeline}, {host} on {one.timeline}: it was"
            return f"{words} promoted later, and has what {host} lacks. fab db.unfence {each.name}."
    unknown = unknown_in(nodes)
    if unknown and not peer_is_dead:
        words = f"{', '.join(unknown)} cannot be asked, and may be the primary"
        return f"{words}. When it is dead and stays dead: --peer-is-dead."
    return ""


def unknown_in(nodes: Nodes) -> list[str]:
    """Return the hosts that may have been promoted, for all that is known.

    One whose disk is away answers, too, and cannot say its timeline.
    """
    return [
        name
        for name, each in nodes.items()
        if isinstance(each, str) or (each.version and not each.timeline)
    ]


def consequence_of_unfence(host: str, nodes: Nodes) -> str:
    """Return in a sentence what it means to let a host up again."""
    one = nodes[host]
    if isinstance(one, Node) and one.standby_signal and not one.takes_writes:
        return f"UNFENCE {host}.  It is a standby: applications may reach it again."
    words = f"UNFENCE {host}.  It starts as the primary, and applications write to it."
    if unknown := unknown_in(nodes):
        words += f"  If {' or '.join(unknown)} was promoted and lives, what is written splits."
    return words


def unfence(desk: Desk, host: Host, one: Node) -> None:
    """Start a fenced host as what it is, then let applications in.

    HostError: fenced as before, or it still recovers, which a stop would have begin anew.
    """
    role = role_without_start(one)
    if role is not None:
        _open(desk, host, role)
        return
    with desk.telling.step("start", host.name):
        try:
            _start(desk, host)
        except HostError:
            now = read_nodes(desk.sessions, [host])[host.name]
            if why := why_left_starting(now):
                raise ChangeFailed(why) from None
            _fence_again(desk, host)
            raise
    _open(desk, host, PRIMARY)


def role_without_start(one: Node) -> str | None:
    """Return the role that a host is opened in as it is; None when it has to be started first.

    A primary that runs is not started: a line that breaks meanwhile would have it stopped.
    """
    if one.takes_writes:
        return PRIMARY
    return "" if one.standby_signal else None


def why_left_starting(one: Node | str) -> str:
    """Return why a host that does not answer yet is not stopped again; "" when it is."""
    if isinstance(one, str) or one.server is not None or STARTING_UP not in one.said:
        return ""
    words = f"{one.name} recovers, and applications stay out meanwhile. When fab db.status shows"
    return f"{words} it as primary: fab db.unfence {one.name}."


def _start(desk: Desk, host: Host) -> None:
    session = desk.of(host)
    session.ask(
        "allow_start",
        answer_seconds=ACT_SECONDS,
        by=desk.who,
        why=BY_HAND,
        audit=desk.did(host, "let the guard start the database"),
    )
    # All others were asked, or an operator vouches for them; the guard asks them once more.
    session.ask(
        "start_database",
        answer_seconds=2 * START_SECONDS + ACT_SECONDS,
        port=POSTGRESQL.port,
        seconds=START_SECONDS,
        by=desk.who,
        may_start_alone=True,
        audit=desk.did(host, "start the database as the primary"),
    )


def _fence_again(desk: Desk, host: Host) -> None:
    try:
        fence(desk, host)
    except HostError as error:
        desk.telling.trouble(f"{error} It is not known whether {host.name} is fenced.")


def _open(desk: Desk, host: Host, role: str) -> None:
    with desk.telling.step("unfence", host.name):
        desk.of(host).ask(
            "unfence",
            answer_seconds=ACT_SECONDS,
            role=role,
            by=desk.who,
            why=BY_HAND,
            audit=desk.did(host, "let applications into the database"),
        )
        audit = desk.did(host, "no failover is under way any more")
        desk.of(host).ask("keep_procedure", answer_seconds=ACT_SECONDS, procedure={}, audit=audit)


def looked(desk: Desk) -> dict[str, Node | str]:
    """Ask all database hosts that take part; Refused when none answers."""
    nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
    if all(isinstance(one, str) for one in nodes.values()):
        raise Refused(f"No database host answers: {' '.join(map(str, nodes.values()))}")
    return nodes
