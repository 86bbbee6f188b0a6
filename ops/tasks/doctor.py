"""`fab doctor` says how a fleet is, one line each."""

import json as json_format
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.console import Console, counting
from ops.doctor.examine import examine
from ops.doctor.seen import Level, Line
from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.tasks.fleet import speaking

_OPTIONS = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "json": "Write the lines as JSON.",
}
_WORDS = {Level.GREEN: "ok", Level.NOTE: "note", Level.RED: "RED"}


@task(help=_OPTIONS, auto_shortflags=False)
def doctor(_: Any, fleet: str = "", json: bool = False) -> None:
    """Say how the fleet is; changes nothing. Exit 1 when a line is red."""
    console, begin = Console(), time.monotonic()
    with speaking(console), sessions_with(described := find_fleet(fleet)) as sessions:
        is_done = counting(console, "Examining", [host.name for host in described.hosts])
        found = examine(described, sessions, is_done)
    if json:
        console.data(json_format.dumps([asdict(line) for line in found]))
    else:
        _show(found, console)
    count = Counter(line.level for line in found)
    console.say(
        f"{count[Level.RED]} red, {count[Level.NOTE]} to note, {count[Level.GREEN]} ok "
        f"on {len(described.hosts)} hosts in {time.monotonic() - begin:.1f} s."
    )
    if count[Level.RED]:
        raise Exit(code=1)


def _show(found: Sequence[Line], console: Console) -> None:
    subjects = max(len(line.subject) for line in found)
    hosts = max(len(line.host) for line in found)
    for line in found:
        start = f"{_WORDS[line.level]:<4}  {line.subject:<{subjects}}  {line.host:<{hosts}}"
        console.data(f"{start}  {line.words}")
