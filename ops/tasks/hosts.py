"""`fab hosts.update` and `fab hosts.reboot`: one host after the other, while the rest serves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.confirming import confirmed
from ops.console import Console
from ops.databases.reading import read_nodes
from ops.databases.streaming import why_not_worked_on
from ops.deploy.desk import WITHOUT, Desk, at_once, left_out
from ops.deploy.rebooting import reboot as reboot_one
from ops.deploy.standing import Standing, standing_of
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.deploy.updating import Software, software_of
from ops.deploy.updating import update as update_one
from ops.deploy.upkeep import Outcome, Work, chosen, one_by_one
from ops.errors import Refused
from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.tasks.fleet import PENDING, speaking
from provisioning.fleet import Host, Role

_HELP = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "hosts": "Names with commas between, or a role for all of its hosts: app_server, observer. "
    "A database only while it is a standby.",
    "yes": "Do not ask.",
    "without": WITHOUT,
    "why": "What the others see while you hold the hosts, and what the audit log keeps.",
}


@task(help=_HELP, auto_shortflags=False)
def update(
    _: Any, hosts: str, fleet: str = "", yes: bool = False, without: str = "", why: str = ""
) -> None:
    """Upgrade Debian's packages, host by host. Exit 0 done, 1 stopped, 2 not wanted."""
    with _desk(hosts, fleet, without, why or f"fab hosts.update {hosts}") as (desk, chosen_ones):
        with desk.telling.step("look", "all"):
            found = at_once(lambda host: software_of(desk, host, refresh=True), chosen_ones)
        standings = _standings(desk, chosen_ones)
        desk.telling.data("\n".join(line for one in found for line in one.lines()))
        work = [
            standing
            for one, standing in zip(found, standings, strict=True)
            if one.has_work or standing.mark
        ]
        if not work:
            desk.telling.say("Nothing to upgrade.")
        else:
            _carry_out(desk, work, "update", update_one, yes)
            found = at_once(lambda host: software_of(desk, host), chosen_ones)
        _say_who_wants_a_boot(desk, found)


@task(help=_HELP, auto_shortflags=False)
def reboot(
    _: Any, hosts: str, fleet: str = "", yes: bool = False, without: str = "", why: str = ""
) -> None:
    """Boot hosts anew, one by one, and prove each. Exit 0 done, 1 stopped, 2 not wanted."""
    with _desk(hosts, fleet, without, why or f"fab hosts.reboot {hosts}") as (desk, chosen_ones):
        _carry_out(desk, _standings(desk, chosen_ones), "reboot", reboot_one, yes)


@contextmanager
def _desk(
    words: str, fleet: str, without: str, why: str
) -> Iterator[tuple[Desk, tuple[Host, ...]]]:
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        out = left_out(described, without)
        hosts = tuple(host for host in chosen(described, words) if host.name not in out)
        if not hosts:
            raise Refused("Nobody is left to work on: --without names them all.")
        with sessions_with(described, (operator(), why)) as sessions:
            telling = Telling(console, max(len(host.name) for host in hosts))
            audit = Audit(described.name, why)
            yield Desk(described, sessions, audit, telling, Stopping(), out), hosts


def _standings(desk: Desk, hosts: Sequence[Host]) -> list[Standing]:
    found = at_once(lambda host: standing_of(desk.of(host)), hosts)
    if bare := [one.host.name for one in found if not one.applied]:
        raise Refused(f"{', '.join(bare)}: was never applied. fab apply comes first.")
    if databases := [host for host in hosts if host.role is Role.DATABASE]:
        nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
        reasons = [why for host in databases if (why := why_not_worked_on(host.name, nodes))]
        if reasons:
            raise Refused(f"Nothing was begun: {' '.join(reasons)}")
    return found


def _carry_out(desk: Desk, work: Sequence[Standing], verb: str, act: Work, yes: bool) -> None:
    """Ask, do it, and say where the time went and what is left."""
    names = ", ".join(one.host.name for one in work)
    if not confirmed(desk.telling.console, desk.fleet, yes, f"{verb.capitalize()} {names} of"):
        raise Exit(code=PENDING)
    with desk.stopping.watched():
        outcome = one_by_one(desk, work, verb, act)
    for line in desk.telling.where_time_went():
        desk.telling.say(line)
    _finish(desk, outcome, verb)


def _finish(desk: Desk, outcome: Outcome, verb: str) -> None:
    if outcome.done:
        desk.telling.say(f"Done: {', '.join(host.name for host in outcome.done)}.")
    if outcome.trouble:
        left = ",".join(host.name for host in outcome.left)
        desk.telling.trouble(f"STOPPED. {outcome.trouble}")
        on = f"fab hosts.{verb} {left} --fleet {desk.fleet.name}{desk.without_words}"
        desk.telling.say(f"  to go on:    {on}")
        raise Exit(code=1)


def _say_who_wants_a_boot(desk: Desk, found: Sequence[Software]) -> None:
    wanting = [one for one in found if one.reboot]
    for one in wanting:
        desk.telling.say(f"  {one.host.name}  reboot needed: {one.reboot}")
    if wanting:
        names = ",".join(one.host.name for one in wanting)
        desk.telling.say(f"  fab hosts.reboot {names} --fleet {desk.fleet.name}")
