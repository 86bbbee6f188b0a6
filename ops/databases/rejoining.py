"""A database host follows the primary again: this is where `way_back` is carried out.

    keep the primary's log for it -> stop -> rewind, if it must be -> standby.signal
    -> no marker, no fence -> start -> it streams -> its own slots keep nothing

Each step may be done again: a rejoin that was cut off is finished by the next one.
"""

from dataclasses import dataclass

from ops.databases.judging import the_primary, who_is_primary
from ops.databases.node import FENCED, Node
from ops.databases.reading import Nodes, read_nodes
from ops.databases.streaming import prove_streaming
from ops.databases.way_back import Way, WayBack, way_back
from ops.deploy.desk import Desk
from ops.errors import Refused
from provisioning.fleet import Fleet, Host, Role
from provisioning.flows import POSTGRESQL
from provisioning.programs import database_peers
from provisioning.replication import others, slot_name

STOP_SECONDS, START_SECONDS, CHECKPOINT_SECONDS, SLOT_SECONDS = 120, 300, 600, 60
REWIND_SECONDS = 4 * 3_600 + 600  # longer than the agent waits itself
SPARE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Rejoin:
    """What is to be done: which host follows which, and by which way."""

    host: Host
    leader: Host
    found: WayBack

    @property
    def loses(self) -> bool:
        """Return True when something that only the old host has is thrown away."""
        return self.found.way is Way.REWIND


def planned(desk: Desk, host: Host) -> Rejoin:
    """Look at all database hosts. Refused, with what to do, when it cannot be done so."""
    return plan_of(desk.fleet, host, read_nodes(desk.sessions, desk.hosts(Role.DATABASE)))


def plan_of(fleet: Fleet, host: Host, nodes: Nodes) -> Rejoin:
    """Return what a rejoin of the host has to do, of what all have said; or raise Refused."""
    one, primary = nodes[host.name], the_primary(nodes)
    if isinstance(one, str):
        raise Refused(f"{one} Nothing was changed.")
    if silent := [name for name, each in nodes.items() if isinstance(each, str)]:
        words = f"{', '.join(silent)} cannot be asked, and may be a newer primary"
        raise Refused(f"{words}. When it is not: --without {','.join(silent)}.")
    if primary is None:
        raise Refused(f"Nobody can be followed: {who_is_primary(nodes)[1]}")
    if primary.name == host.name:
        raise Refused(f"{host.name} is the primary. Another one first: fab db.failover.")
    if busy := [each for each in (one, primary) if each.procedure is not None]:
        words = f"{busy[0].name}: a failover is under way, or was cut off"
        raise Refused(f"{words}: the same fab db.failover finishes it, or takes it back.")
    found = way_back(one, primary)
    if found.way is Way.CLONE:
        words = f"{host.name} cannot follow with the data that it has: {found.why}"
        raise Refused(f"{words}. It is cloned anew: {how_to_clone(one)}.")
    if found.way is Way.REFUSED:
        raise Refused(f"{host.name}: {found.why}.")
    return Rejoin(host, fleet.host(primary.name), found)


def how_to_clone(one: Node) -> str:
    """Return the commands that replace a host's data; what may be a primary is fenced before."""
    clone = f"fab db.standby {one.name} --reclone"
    is_known = one.marker == FENCED or one.standby_signal or not one.version
    return clone if is_known else f"fab db.fence {one.name}, then {clone}"


def consequence(one: Rejoin) -> str:
    """Return in a sentence or two what is done, and what is lost by it."""
    name, leader = one.host.name, one.leader.name
    if one.found.way is Way.NOTHING:
        return f"REJOIN {name}.  {one.found.why}; what a cut-off rejoin has left is finished."
    words = f"REJOIN {name} as a standby of {leader}: {one.found.why}."
    if one.loses:
        words += f"  It is rewound: what {name} wrote and {leader} does not have is thrown away."
    return words


def rejoin(desk: Desk, one: Rejoin) -> None:
    """Do it. HostError when a step is not done: then it is done by the next one."""
    host, telling = one.host, desk.telling
    slot = slot_name(host.name)
    _ask(desk, one.leader, "hold_wal", SLOT_SECONDS, slot=slot, is_held=True)
    if one.found.way is not Way.NOTHING:
        with telling.step("stop", host.name):
            _stop(desk, host)
    desk.stopping.check()
    if one.found.way is Way.REWIND:
        with telling.step("checkpoint", one.leader.name):
            _ask(desk, one.leader, "checkpoint", CHECKPOINT_SECONDS, seconds=CHECKPOINT_SECONDS)
        with telling.step("rewind", host.name) as step:
            step.words = _rewind(desk, one)
    elif one.found.way is not Way.NOTHING:
        _ask(desk, host, "follow", SLOT_SECONDS)
    _open(desk, host)
    if one.found.way is not Way.NOTHING:
        with telling.step("start", host.name):
            _start(desk, host)
    with telling.step("stream", host.name) as step:
        step.words = prove_streaming(desk, host)
    for other in others(desk.fleet, host):
        _ask(desk, host, "hold_wal", SLOT_SECONDS, slot=slot_name(other.name), is_held=False)


def source_of(leader: Host) -> str:
    """Return libpq's words for how a rewind reaches the primary; the password is in a file."""
    words = {
        "host": leader.address,
        "port": POSTGRESQL.port,
        "user": database_peers.ROLE,
        "dbname": "postgres",
        "passfile": database_peers.PASSWORDS,
        "sslmode": "require",
        "connect_timeout": 5,
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    return " ".join(f"{name}={value}" for name, value in words.items())


def _rewind(desk: Desk, one: Rejoin) -> str:
    said = desk.of(one.host).ask(
        "rewind",
        answer_seconds=REWIND_SECONDS,
        source=source_of(one.leader),
        by=desk.who,
        why=one.found.why,
        audit=desk.did(one.host, f"rewind to {one.leader.name}"),
    )
    return " ".join(said["said"])


def _stop(desk: Desk, host: Host) -> None:
    said = _ask(desk, host, "stop_database", STOP_SECONDS, seconds=STOP_SECONDS)
    if not said["is_stopped"]:
        raise Refused(
            f"{host.name}: PostgreSQL does not stop within {STOP_SECONDS} s. Look who keeps it "
            "(journalctl), or fab db.fence, which ends it."
        )


def _open(desk: Desk, host: Host) -> None:
    """Take marker and fence away: what makes it a standby is its standby.signal from now on."""
    audit = desk.did(host, "no fence and no marker: it follows")
    desk.of(host).ask(
        "unfence", answer_seconds=SPARE_SECONDS, role="", by=desk.who, why="it follows", audit=audit
    )


def _start(desk: Desk, host: Host) -> None:
    desk.of(host).ask(
        "start_database",
        answer_seconds=START_SECONDS * 2 + SPARE_SECONDS,
        port=POSTGRESQL.port,
        seconds=START_SECONDS,
        by=desk.who,
        may_start_alone=False,
        audit=desk.did(host, "start the database as a standby"),
    )


def _ask(desk: Desk, host: Host, what: str, patience: int, **values: object) -> dict[str, object]:
    """Have an act done that says in its name what it does."""
    if what in ("hold_wal", "checkpoint"):
        values["port"] = POSTGRESQL.port
    words = " ".join([what.replace("_", " "), *(str(one) for one in values.values())])
    audit = desk.did(host, words)
    return desk.of(host).ask(what, answer_seconds=patience + SPARE_SECONDS, audit=audit, **values)
