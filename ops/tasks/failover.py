"""`fab db.failover`: the primary moves to another host."""

import json as json_format
from functools import partial
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.confirming import named
from ops.console import Console
from ops.databases.reading import read_nodes
from ops.deploy.desk import WITHOUT, Desk, left_out
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import Refused
from ops.failover import procedure
from ops.failover.hands import End
from ops.failover.next_step import Wanted
from ops.failover.report import Report
from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.tasks.fleet import PENDING, speaking
from provisioning.fleet import Fleet, Role

_HELP = {
    "to": "The standby that is to be the primary.",
    "fleet": "Name of a fleet, or path of its inventory.",
    "primary_lost": "The primary is gone: do without it. What only it had is lost.",
    "confirm": "The name of the standby, where nobody is there to type it.",
    "without_backup": "Although no verified backup is known; the report keeps that.",
    "undo": "Take back what was cut off, as long as nothing was promoted.",
    "json": "Print the report as JSON, for programs.",
    "without": WITHOUT,
    "why": "What the others see while you hold the hosts, and what the audit log keeps.",
}


@task(help=_HELP, auto_shortflags=False)
def failover(
    _: Any,
    to: str,
    fleet: str = "",
    primary_lost: bool = False,
    confirm: str = "",
    without_backup: bool = False,
    undo: bool = False,
    json: bool = False,
    without: str = "",
    why: str = "",
) -> None:
    """Make a standby the primary. A cut-off one goes on. Exit 0 done, 1 not, 2 not wanted."""
    console, why = Console(), why or f"fab db.failover --to {to}"
    wanted = Wanted(to, primary_lost, undo)
    with speaking(console):
        described = find_fleet(fleet)
        out = _left_out(described, wanted, without)
        with sessions_with(described, (operator(), why)) as sessions:
            telling = Telling(console, max(len(host.name) for host in described.hosts))
            desk = Desk(described, sessions, Audit(described.name, why), telling, Stopping(), out)
            errand = procedure.Errand(
                wanted, without_backup, partial(_confirmed, desk, to, confirm)
            )
            report = procedure.failover(desk, errand)
            if report is not None:
                procedure.show(desk, read_nodes(sessions, described.of_role(Role.DATABASE)))
    if report is not None:
        _tell(console, report, is_json=json)
        if report.outcome.trouble or report.outcome.end is End.CUT_OFF:
            raise Exit(code=1)


def _confirmed(desk: Desk, to: str, given: str, consequence: str) -> None:
    """Say what will happen, and have the name typed; end here when it is not."""
    desk.telling.say(consequence)
    if not named(desk.telling.console, to, given):
        raise Exit(code=PENDING)


def _left_out(fleet: Fleet, wanted: Wanted, without: str) -> frozenset[str]:
    """Return the hosts that are left out; Refused for options that make no sense together."""
    _must_be_database(fleet, wanted.to)
    if wanted.is_undo and wanted.is_primary_lost:
        raise Refused("--undo lets the old primary serve again, --primary-lost gives it up: which?")
    out = left_out(fleet, without)
    if any(fleet.host(name).role is Role.DATABASE for name in out):
        raise Refused("--without is for other hosts than databases. See --primary-lost.")
    return out


def _must_be_database(fleet: Fleet, name: str) -> None:
    known = [host.name for host in fleet.of_role(Role.DATABASE)]
    if name not in known:
        raise Refused(f"{name!r} is no database host; there are {', '.join(known)}.")


def _tell(console: Console, report: Report, *, is_json: bool) -> None:
    if is_json:
        console.data(json_format.dumps(report.as_json(), indent=2))
    else:
        console.data("\n".join(report.lines()))
    if report.outcome.end is End.UNDONE and report.outcome.trouble:
        is_lost, old = report.procedure.is_primary_lost, report.procedure.old
        words = "nothing was promoted" if is_lost else f"{old} takes writes as before"
        console.say(console.trouble(f"ABORTED, and {words}."))
    elif report.outcome.end is End.CUT_OFF:
        again = f"fab db.failover --to {report.procedure.new}"
        console.say(console.trouble(f"NOT FINISHED. When it is mended: {again}"))
    if report.outcome.trouble:
        console.say(console.trouble(report.outcome.trouble))
