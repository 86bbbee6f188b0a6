"""Everything that is judged before a failover: this is where all hosts are asked, read-only."""

from collections.abc import Callable, Mapping
from typing import Any

from ops.backups.reading import known_backups
from ops.databases.node import Node
from ops.deploy.desk import Desk, at_once
from ops.errors import HostError
from ops.failover.journal import unpacked
from ops.failover.logins import application_login, named_databases, replication_login
from ops.failover.next_step import Kept
from ops.failover.preflight import Seen
from provisioning.fleet import Host, Role
from provisioning.flows import POSTGRESQL
from provisioning.replication import slot_name


def kept_by(nodes: Mapping[str, Node | str]) -> Kept:
    """Return what each host that answers keeps of a failover. Refused for nonsense."""
    return {
        name: unpacked(name, one.procedure) for name, one in nodes.items() if isinstance(one, Node)
    }


def seen(
    desk: Desk, nodes: Mapping[str, Node | str], old: Host | None, new: Host, *, has_backup: bool
) -> Seen:
    """Ask every application server at once, the old primary when it is known, and the observer.

    `has_backup`: a verified backup is wanted; else nobody asks for one.
    """
    servers = desk.hosts(Role.APP_SERVER)
    logins = at_once(lambda server: _said(lambda: _login(desk, server, new)), servers)
    urls = at_once(lambda server: _url(desk, server), servers)
    replication = ""
    if old is not None and isinstance(nodes.get(old.name), Node):
        words = _said(lambda: replication_login(desk, old, new))
        replication = f"{old.name}: {words}" if words else ""
    return Seen(
        nodes,
        {server.name: words for server, words in zip(servers, logins, strict=True)},
        replication,
        {server.name: url for server, url in zip(servers, urls, strict=True)},
        [f"{one.address}:{POSTGRESQL.port}" for one in desk.fleet.of_role(Role.DATABASE)],
        slot_name(old.name) if old else "",
        known_backups(desk.sessions, desk.fleet) if has_backup else None,
    )


def _login(desk: Desk, server: Host, new: Host) -> str:
    _, words = application_login(desk, server, new)
    return words


def _said(ask: Callable[[], str]) -> str:
    """Return the answer; why there is none is one, too."""
    try:
        return ask()
    except HostError as error:
        return f"could not be asked: {error}"


def _url(desk: Desk, server: Host) -> dict[str, Any]:
    try:
        return named_databases(desk, server)
    except HostError as error:
        return {"lacks": f"(it could not be asked: {error}) its DATABASE_URL"}
