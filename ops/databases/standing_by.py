"""A host becomes a standby, from bare or over what may be thrown away: this is where.

    look -> (clone over the old data, its name typed) -> what an apply would do -> it streams
    -> every application server logs in

Each step may be done again: one that was cut off is finished by the next one.
"""

from collections.abc import Mapping

from ops.applying import apply_plan
from ops.databases.judging import the_primary, who_is_primary
from ops.databases.node import FENCED, Node
from ops.databases.reading import read_node, read_nodes
from ops.deploy.desk import ASK_SECONDS, Desk, at_once
from ops.doctor.database import questions, why_no_login
from ops.errors import ChangeFailed, HostError, Refused
from ops.plan import Plan
from ops.reading import read_plan
from ops.secrets import read_vault, require, vault_of
from provisioning import replication
from provisioning.fleet import Host, Role
from provisioning.programs import standing_by
from provisioning.roles import secrets_of

Nodes = Mapping[str, Node | str]
CLONE_SECONDS = standing_by.WAIT_SECONDS + standing_by.COPY_SECONDS + 600
SPARE_SECONDS = 60


def looked(desk: Desk, host: Host, *, is_reclone: bool) -> Node:
    """Look at all database hosts; Refused, with what to do, when this one cannot be a standby."""
    nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
    if why := why_not(host.name, nodes, is_reclone=is_reclone):
        raise Refused(f"{why} Nothing was changed.")
    node = nodes[host.name]
    assert isinstance(node, Node)  # why_not has seen to it
    return node


def why_not(name: str, nodes: Nodes, *, is_reclone: bool) -> str:
    """Return what keeps a host from being made a standby, "" for nothing. Pure."""
    one, primary = nodes[name], the_primary(nodes)
    if isinstance(one, str):
        return one
    if silent := [each for each, said in nodes.items() if isinstance(said, str)]:
        return f"{', '.join(silent)} cannot be asked, and may be a newer primary."
    if primary is None:
        return f"Nobody can be copied: {who_is_primary(nodes)[1]}"
    if primary.name == name:
        return f"{name} is the primary."
    if one.takes_writes:
        return f"{name} takes writes: fab db.fence comes first."
    if busy := [each.name for each in (one, primary) if each.procedure is not None]:
        return f"{busy[0]}: a failover is under way, or was cut off: fab db.failover ends it."
    if one.version and not is_reclone and not one.standby_signal:
        return (
            f"{name} has a cluster that is no standby. To have it follow: fab db.rejoin {name}. "
            f"To replace all of its data: fab db.standby {name} --reclone."
        )
    if one.version and not (one.standby_signal or one.marker == FENCED):
        return f"{name} has a cluster that is neither a standby nor fenced: fab db.fence {name}."
    return ""


def consequence(name: str) -> str:
    """Return what --reclone comes to, in a sentence."""
    return (
        f"REPLACE all data of {name} by a copy of the primary.  What only {name} has is lost for "
        "good."
    )


def clone(desk: Desk, host: Host, version: str) -> None:
    """Replace the host's cluster by a copy of the primary."""
    command = replication.command_of(version, host.name, "--reclone")
    with desk.telling.step("clone", host.name):
        desk.of(host).ask(
            "change",
            answer_seconds=CLONE_SECONDS + SPARE_SECONDS,
            kind="command",
            command=list(command),
            stdin="",
            seconds=CLONE_SECONDS,
            audit=desk.did(host, "replace the database by a copy of the primary"),
        )


def let_follow(desk: Desk, host: Host) -> None:
    """Take marker and fence of a standby away, if it has any: also what a cut one has left."""
    node = read_node(desk.sessions, host)
    is_held = node.fence or node.fence_file or node.marker or node.start_conf == "disabled"
    if node.standby_signal and is_held:
        desk.of(host).ask(
            "unfence", answer_seconds=ASK_SECONDS, role="", by=desk.who, why="it follows",
            audit=desk.did(host, "no fence and no marker: it follows"),
        )  # fmt: skip


def planned(desk: Desk, host: Host) -> Plan:
    """Return what an apply would do on this host alone. Refused when a brake holds that."""
    vault = vault_of(desk.fleet.path)
    secrets = read_vault(vault)
    require(secrets, secrets_of(desk.fleet), vault)
    whole = read_plan(desk.fleet, secrets, desk.sessions, lambda: None)
    (own,) = (each for each in whole.hosts if each.host == host)
    if own.trouble:
        raise Refused(own.trouble)
    plan = Plan(desk.fleet, (own,))
    if brakes := plan.brakes():
        raise Refused(f"{'; '.join(brakes.values())}: that is for fab apply, which comes first.")
    return plan


def give(desk: Desk, plan: Plan) -> None:
    """Make the changes of the plan, which is of one host alone. ChangeFailed with its words."""
    width = desk.telling.width
    for each in apply_plan(
        plan,
        desk.sessions,
        desk.audit,
        lambda host, change: desk.telling.say(desk.telling.console.change(host, change, width)),
    ):
        if each.trouble:
            raise ChangeFailed(each.trouble)


def prove_logins(desk: Desk, host: Host) -> None:
    """Log in at the new standby from every application server. ChangeFailed names who fails."""
    key = f"login {host.name}"

    def refused(server: Host) -> str:
        question = {key: questions(desk.fleet, server, {})[key]}
        try:
            said = desk.of(server).ask("examine", answer_seconds=ASK_SECONDS, questions=question)
        except HostError as error:
            return str(error)
        words = why_no_login(host.name, said["answers"][key])
        return f"{server.name} {words}" if words else ""

    servers = desk.hosts(Role.APP_SERVER)
    with desk.telling.step("log in", host.name) as step:
        if troubles := [words for words in at_once(refused, servers) if words]:
            raise ChangeFailed(f"{host.name} streams, and: {'; '.join(troubles)}")
        step.words = f"from {', '.join(server.name for server in servers)}"
