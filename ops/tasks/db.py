"""`fab db.*`: how the databases stand, and an operator's hand on one of them."""

import json as json_format
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.console import Console
from ops.databases import summary
from ops.databases.reading import read_nodes
from ops.databases.summary import Journal, Seen
from ops.errors import HostError
from ops.fleets import find_fleet
from ops.reading import LOOK_SECONDS, MOST_AT_ONCE, Sessions, sessions_with
from ops.tasks.fleet import speaking
from provisioning.fleet import Fleet, Host, Role
from provisioning.releases import DATA

_FLEET = {"fleet": "Name of a fleet, or path of its inventory."}
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


def _seen(fleet: Fleet, sessions: Sessions) -> Seen:
    """Ask databases and application servers at once; who does not answer is in it, too."""
    servers = fleet.of_role(Role.APP_SERVER)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        nodes = pool.submit(read_nodes, sessions, fleet.of_role(Role.DATABASE))
        kept = dict(pool.map(lambda host: (host.name, _journals_of(sessions, host)), servers))
    return Seen(
        fleet,
        nodes.result(),
        [one for found in kept.values() if not isinstance(found, str) for one in found],
        {name: found for name, found in kept.items() if isinstance(found, str)},
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
