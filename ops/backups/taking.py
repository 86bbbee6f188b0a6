"""A backup is taken now: this is where the host is found that is to take it."""

from collections.abc import Mapping
from typing import Any

from ops.backups.running import Job, ran
from ops.databases.judging import the_primary
from ops.databases.node import Node
from ops.deploy.desk import Desk
from ops.errors import Refused
from provisioning.backups import WRITER

Nodes = Mapping[str, Node | str]


def who_takes(nodes: Nodes) -> str:
    """Return the host that takes backups: a standby that streams, else a primary alone. Pure.

    Refused when nobody knows who the primary is: a dump of a stray is no backup.
    """
    primary = the_primary(nodes)
    if primary is None:
        raise Refused("No host, or more than one, takes writes: fab db.status. Nothing to back up.")
    for name, one in nodes.items():
        if isinstance(one, Node) and one.is_streaming:
            return name
    return primary.name


def take(desk: Desk, name: str, *, is_base: bool) -> dict[str, Any]:
    """Have a host take it, and return its manifest. ChangeFailed, Stopped.

    {} when it says that another host is to take it: a standby has come since we looked.
    """
    words = ("run", "--json", *(["--base"] if is_base else []))
    what = "base backup" if is_base else "dump"
    with desk.telling.step(what, name) as step:
        said = ran(desk, desk.fleet.host(name), Job(words, WRITER, may_join=True))
        step.words = str(said.get("id") or "nothing to do: its standby takes the backups")
    return said
