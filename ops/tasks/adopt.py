"""`fab db.adopt`: after a restore, the journals are drained into the database that is there."""

import json as json_format
from dataclasses import asdict
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.backups import adopting
from ops.confirming import named
from ops.console import Console
from ops.databases.judging import the_primary
from ops.databases.reading import read_nodes
from ops.databases.summary import host_lines
from ops.deploy.desk import WITHOUT, Desk, left_out
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import Refused
from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.tasks.fleet import PENDING, speaking
from provisioning.fleet import Role

_HELP = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "confirm": "The name of the host that takes writes, instead of typing it.",
    "without": WITHOUT,
    "json": "Print what was found, and what is left, as JSON for programs.",
}
_ASIDE = (
    "Pings of checks that this database does not have wait for them: manage.py lost_checks on an "
    "application server lists such checks (docs/runbooks/journal.md)."
)


@task(help=_HELP, auto_shortflags=False)
def adopt(
    _: Any, fleet: str = "", confirm: str = "", without: str = "", json: bool = False
) -> None:
    """Drain the journals into a restored database. Exit 0 done, 1 not, 2 not wanted."""
    console, why = Console(), "fab db.adopt"
    with speaking(console):
        described = find_fleet(fleet)
        out = left_out(described, without)
        with sessions_with(described, (operator(), why)) as sessions:
            telling = Telling(console, max(len(host.name) for host in described.hosts))
            desk = Desk(described, sessions, Audit(described.name, why), telling, Stopping(), out)
            found, left = _adopt(desk, confirm)
    if json:
        hosts = [asdict(one) | {"left": left[one.server]} for one in found]
        console.data(json_format.dumps(hosts, indent=2))
    if any(left.values()):
        raise Exit(code=1)


def _adopt(desk: Desk, confirm: str) -> tuple[list[adopting.Found], dict[str, str]]:
    """Look, show, ask, act; return what was found, and what each server has left."""
    nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
    primary, found = the_primary(nodes), adopting.looked(desk)
    for line in (*(f"  {each}" for each in host_lines(nodes)), *adopting.lines(found)):
        desk.telling.say(line)
    if why := adopting.why_not(found, primary):
        raise Refused(why)
    assert primary is not None
    if any(one.has_to_adopt for one in found):
        desk.telling.say(adopting.consequence(found, primary))
        if not named(desk.telling.console, primary.name, confirm):
            raise Exit(code=PENDING)
    else:
        desk.telling.say(f"All application servers drain into {primary.name} already.")
    with desk.stopping.watched():
        adopting.adopt(desk, found)
        left = adopting.drained(desk, found)
    for server, words in left.items():
        if words:
            desk.telling.trouble(f"{server}: {words.removeprefix(f'{server}: ')}")
    if any(left.values()):
        desk.telling.say("The drains go on by themselves; the same command looks again.")
    desk.telling.say(_ASIDE)
    return found, left
