"""`fab db.*`: how the databases stand, and an operator's hand on one of them."""

import json as json_format
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.backups.reading import known_backups
from ops.confirming import confirmed, named
from ops.console import Console, show_plan
from ops.databases import fencing, rejoining, standing_by, summary
from ops.databases.node import Node
from ops.databases.reading import read_nodes
from ops.databases.streaming import prove_streaming
from ops.databases.summary import Journal, Seen
from ops.deploy.desk import WITHOUT, Desk, left_out
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import HostError, Refused
from ops.fleets import find_fleet
from ops.reading import LOOK_SECONDS, MOST_AT_ONCE, Sessions, sessions_with
from ops.tasks.adopt import adopt  # noqa: F401 (a verb of `db`)
from ops.tasks.failover import failover  # noqa: F401 (a verb of `db`)
from ops.tasks.fleet import PENDING, speaking
from provisioning.fleet import Fleet, Host, Role
from provisioning.releases import DATA

_FLEET = {"fleet": "Name of a fleet, or path of its inventory."}
_HOST = _FLEET | {
    "host": "A database host.",
    "confirm": "The host's name, instead of typing it.",
}
_JOURNALS = {"journals": {"about": "journals", "folder": f"{DATA}/journal"}}


@task(help=_FLEET | {"json": "Print JSON for programs."}, auto_shortflags=False)
def status(_: Any, fleet: str = "", json: bool = False) -> None:
    """Show who is primary, who follows and how far behind. Exit 0 when all is well; else 1."""
    console = Console()
    with speaking(console), sessions_with(described := find_fleet(fleet)) as sessions:
        seen = _seen(described, sessions)
    if json:
        console.data(json_format.dumps(summary.as_json(seen), indent=2))
    else:
        console.data("\n".join(summary.lines(seen)))
    for note in summary.notes(seen):
        console.say(f"  {note}")
    troubles = summary.troubles(seen)
    for trouble in troubles:
        console.say(console.trouble(trouble))
    if troubles:
        raise Exit(code=1)


@task(help=_HOST | {"without": WITHOUT}, auto_shortflags=False)
def rejoin(_: Any, host: str, fleet: str = "", confirm: str = "", without: str = "") -> None:
    """Have an old primary follow the new one as its standby. Exit 0 done, 1 not, 2 not wanted."""
    with _held_database(host, fleet, "fab db.rejoin", without) as (desk, database):
        plan = rejoining.planned(desk, database)
        _show(desk, rejoining.consequence(plan))
        if plan.loses and not named(desk.telling.console, host, confirm):
            raise Exit(code=PENDING)
        with desk.stopping.watched():
            rejoining.rejoin(desk, plan)
        _show(desk)


@task(help=_HOST, auto_shortflags=False)
def fence(_: Any, host: str, fleet: str = "", confirm: str = "") -> None:
    """Stop a database that takes writes, and keep it down and applications out."""
    with _held_database(host, fleet, "fab db.fence") as (desk, database):
        nodes = fencing.looked(desk)
        if why := fencing.why_not_fenced(host, nodes):
            raise Refused(why)
        _show(desk, fencing.consequence(host, nodes))
        if not named(desk.telling.console, host, confirm):
            raise Exit(code=PENDING)
        with desk.stopping.watched():
            fencing.fence(desk, database)
        _show(desk)


_DEAD = {"peer_is_dead": "The database hosts that do not answer are dead, and stay dead."}


@task(help=_HOST | _DEAD, auto_shortflags=False)
def unfence(
    _: Any, host: str, fleet: str = "", confirm: str = "", peer_is_dead: bool = False
) -> None:
    """Start a fenced database as the primary that it was, and let applications in."""
    with _held_database(host, fleet, "fab db.unfence") as (desk, database):
        nodes = fencing.looked(desk)
        if why := fencing.why_not_unfenced(host, nodes, peer_is_dead=peer_is_dead):
            raise Refused(why)
        one = nodes[host]
        assert isinstance(one, Node)
        _show(desk, fencing.consequence_of_unfence(host, nodes))
        if not named(desk.telling.console, host, confirm):
            raise Exit(code=PENDING)
        with desk.stopping.watched():
            fencing.unfence(desk, database, one)
        _show(desk)


_STANDBY = {
    "reclone": "Replace its data, if it has some: a standby's, or a fenced host's.",
    "yes": "Do not ask whether the plan is wanted.",
    "without": WITHOUT,
}


@task(help=_HOST | _STANDBY, auto_shortflags=False)
def standby(
    _: Any,
    host: str,
    fleet: str = "",
    reclone: bool = False,
    confirm: str = "",
    yes: bool = False,
    without: str = "",
) -> None:
    """Make a bare host a standby that streams. Exit 0 done, 1 not, 2 not wanted."""
    with _held_database(host, fleet, "fab db.standby", without) as (desk, database):
        node, telling = standing_by.looked(desk, database, is_reclone=reclone), desk.telling
        if reclone and node.version:
            _show(desk, standing_by.consequence(host))
            if not named(telling.console, host, confirm):
                raise Exit(code=PENDING)
            with desk.stopping.watched():
                standing_by.clone(desk, database, node.version)
        plan = standing_by.planned(desk, database)
        show_plan(plan, telling.console)
        if not plan.is_empty and not confirmed(telling.console, desk.fleet, yes):
            raise Exit(code=PENDING)
        with desk.stopping.watched():
            # Before: PostgreSQL of a fenced host is started by nobody. After: one that was bare.
            standing_by.let_follow(desk, database)
            standing_by.give(desk, plan)
            standing_by.let_follow(desk, database)
            with telling.step("stream", host) as step:
                step.words = prove_streaming(desk, database)
            standing_by.prove_logins(desk, database)
        _show(desk)


@contextmanager
def _held_database(
    name: str, fleet: str, why: str, without: str = ""
) -> Iterator[tuple[Desk, Host]]:
    """Hold the database hosts that are asked, and find the one of that name."""
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        databases = {host.name: host for host in described.of_role(Role.DATABASE)}
        if name not in databases:
            raise Refused(f"{name!r} is no database host; there are {', '.join(databases)}.")
        out = left_out(described, without)
        with sessions_with(described, (operator(), f"{why} {name}")) as sessions:
            telling = Telling(console, max(map(len, databases)))
            audit = Audit(described.name, f"{why} {name}")
            yield Desk(described, sessions, audit, telling, Stopping(), out), databases[name]


def _show(desk: Desk, consequence: str = "") -> None:
    """Say how the hosts stand; before something is done, what comes of it."""
    if consequence:
        desk.telling.say(consequence)
    nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
    for line in summary.host_lines(nodes):
        desk.telling.say(f"  {line}")


def _seen(fleet: Fleet, sessions: Sessions) -> Seen:
    """Ask databases and application servers at once; who does not answer is in it, too."""
    servers = fleet.of_role(Role.APP_SERVER)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        nodes = pool.submit(read_nodes, sessions, fleet.of_role(Role.DATABASE))
        backups = pool.submit(known_backups, sessions, fleet)
        kept = dict(pool.map(lambda host: (host.name, _journals_of(sessions, host)), servers))
    return Seen(
        fleet,
        nodes.result(),
        [one for found in kept.values() if not isinstance(found, str) for one in found],
        {name: found for name, found in kept.items() if isinstance(found, str)},
        backups.result(),
    )


def _journals_of(sessions: Sessions, host: Host) -> list[Journal] | str:
    try:
        said = sessions.of(host).ask("examine", answer_seconds=LOOK_SECONDS, questions=_JOURNALS)
    except HostError as error:
        return str(error)
    answer: Mapping[str, Any] = said["answers"]["journals"]
    if "failed" in answer:
        return f"{host.name}: its journals could not be counted: {answer['failed']}"
    return [Journal(host.name, **one) for one in answer["journals"]]
