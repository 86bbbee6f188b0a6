"""`fab net.verify` tells whether exactly that is open which the catalogue declares."""

import json as json_format
import time
from collections.abc import Iterator
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.console import Console, counting
from ops.fleets import find_fleet
from ops.net import OPERATOR, Finding, service_of
from ops.probing import Report
from ops.probing import verify as verify_fleet
from ops.reading import sessions_with
from ops.tasks.fleet import speaking

_OPTIONS = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "json": "Write what was found as JSON.",
}


@task(help=_OPTIONS, auto_shortflags=False)
def verify(_: Any, fleet: str = "", json: bool = False) -> None:
    """Knock at every door of every host, from every other and from here. Exit 0 exact, 1 not."""
    console, begin = Console(), time.monotonic()
    with speaking(console), sessions_with(described := find_fleet(fleet)) as sessions:
        is_done = counting(
            console, "Knocking from", [OPERATOR, *(host.name for host in described.hosts)]
        )
        report = verify_fleet(described, sessions, is_done)
    console.progress("")
    seconds = time.monotonic() - begin
    if json:
        console.data(json_format.dumps(as_json(report, seconds)))
    else:
        for line in lines(report):
            console.data(line)
        for line in notes(report):
            console.say(f"  note: {line}")
    for trouble in report.troubles:
        console.say(console.trouble(f"{trouble} Nothing was tried from or at it."))
    console.say(summary(report, seconds))
    if not report.is_exact:
        raise Exit(code=1)


def lines(report: Report) -> Iterator[str]:
    """Yield a line for each thing that is wrong."""
    sources = max((len(one.source) for one in report.findings), default=0)
    targets = max((len(one.target) for one in report.findings), default=0)
    for one in report.findings:
        way = f"{one.source:>{sources}} -> {one.target:<{targets}}"
        door = f"{one.port} {one.service or 'in no catalogue'}"
        yield f"{one.wrong}  {way}  {door}  {' and '.join(one.families)}: {_how(one)}"


_WORDS = {
    "open": "answers",
    "refused": "nobody listens",
    "silent": "silence",
    "prohibited": "refused on the way",
}


def _how(one: Finding) -> str:
    return ", ".join(_WORDS[answer] for answer in one.answers)


def notes(report: Report) -> Iterator[str]:
    """Yield what is worth a look, and no fault of the firewall."""
    for one in report.unused:
        where = f"by {' and '.join(one.families)} on {', '.join(one.hosts)}"
        yield f"{one.port} {service_of(one.port)} is open {where}, and nobody listens there."
    for family in report.blind:
        yield f"nobody answers this machine by {family}: what is open to it was not judged."
    if not report.from_here:
        yield "this machine is a host of the fleet: what outsiders reach was not looked at."


def summary(report: Report, seconds: float) -> str:
    """Return how many doors were tried, how long that took, and what came of it."""
    tried = f"{report.doors} doors tried in {seconds:.1f} s"
    if report.is_exact:
        return f"{tried}: exactly what the catalogue declares is open."
    wrong, lost = len(report.findings), len(report.troubles)
    unread = f", {lost} host{'s' * (lost > 1)} not reached" if lost else ""
    return f"{tried}: {wrong} not as the catalogue declares{unread}."


def as_json(report: Report, seconds: float) -> dict[str, Any]:
    """Return what programs read."""
    return {
        "exact": report.is_exact,
        "findings": [
            {
                "wrong": one.wrong,
                "source": one.source,
                "target": one.target,
                "port": one.port,
                "service": one.service,
                "families": one.families,
                "answers": one.answers,
            }
            for one in report.findings
        ],
        "notes": list(notes(report)),
        "troubles": report.troubles,
        "doors": report.doors,
        "seconds": round(seconds, 1),
    }
