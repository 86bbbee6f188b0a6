"""`fab lb.*`: every server as every load balancer sees it; out and in again by hand."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from json import dumps
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from haproxy.stats import STAT, STATE, Admin, NotUnderstood, Report, reports
from ops.audit import Audit, operator
from ops.console import Console
from ops.deploy.by_hand import take_in, take_out
from ops.deploy.desk import WITHOUT, Desk, left_out
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import HostError, Refused
from ops.fleets import find_fleet
from ops.lab.report import aligned
from ops.reading import MOST_AT_ONCE, Sessions, sessions_with
from ops.tasks.fleet import speaking
from provisioning.fleet import Host, Role

_ASK_SECONDS = 30
_OPTIONS = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "json": "Print a JSON list for programs.",
}
_FLEET = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "host": "An application server.",
    "without": WITHOUT,
}
_OUT = _FLEET | {"even_last": "Do it although nobody else would serve then."}
_TITLE = ("BALANCER", "BACKEND", "SERVER", "STATE", "WANTED", "SESSIONS", "SINCE", "CHECK")

Seen = dict[str, tuple[Report, ...] | str]  # by balancer: its servers, or why there are none


@task(help=_OPTIONS, auto_shortflags=False)
def status(_: Any, fleet: str = "", json: bool = False) -> None:
    """Show each server of each balancer. Exit 0 when all serve, or are out as wanted; else 1."""
    console = Console()
    with speaking(console), sessions_with(described := find_fleet(fleet)) as sessions:
        seen = _seen(sessions, described.of_role(Role.LOAD_BALANCER))
    console.data(_as_json(seen) if json else "\n".join(_as_lines(seen)))
    troubles = list(_troubles(seen))
    for trouble in troubles:
        console.say(console.trouble(trouble))
    if troubles:
        raise Exit(code=1)


@task(help=_OUT, auto_shortflags=False)
def drain(_: Any, host: str, fleet: str = "", even_last: bool = False, without: str = "") -> None:
    """Send nothing new to an application server; what is under way there ends. Exit 0 or 1."""
    with held_server(host, fleet, "fab lb.drain", without) as (desk, server):
        take_out(desk, server, Admin.DRAIN, even_last=even_last)


@task(help=_OUT, auto_shortflags=False)
def maintenance(
    _: Any, host: str, fleet: str = "", even_last: bool = False, without: str = ""
) -> None:
    """Take an application server out on all balancers, and say so on the server itself."""
    with held_server(host, fleet, "fab lb.maintenance", without) as (desk, server):
        take_out(desk, server, Admin.DRAIN, even_last=even_last)
        take_out(desk, server, Admin.MAINTENANCE, even_last=even_last)


@task(help=_FLEET, auto_shortflags=False)
def ready(_: Any, host: str, fleet: str = "", without: str = "") -> None:
    """Let an application server serve again, and wait until all balancers see it up."""
    with held_server(host, fleet, "fab lb.ready", without) as (desk, server):
        take_in(desk, server)


@contextmanager
def held_server(name: str, fleet: str, why: str, without: str = "") -> Iterator[tuple[Desk, Host]]:
    """Hold the balancers and one application server, and nothing else."""
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        servers = {host.name: host for host in described.of_role(Role.APP_SERVER)}
        if name not in servers:
            raise Refused(f"{name!r} is no application server; there are {', '.join(servers)}.")
        out = left_out(described, without)
        with sessions_with(described, (operator(), f"{why} {name}")) as sessions:
            telling = Telling(console, len(name))
            audit = Audit(described.name, f"{why} {name}")
            yield (
                Desk(described, sessions, audit, telling, Stopping(), out),
                servers[name],
            )


def _seen(sessions: Sessions, balancers: Iterable[Host]) -> Seen:
    def ask(host: Host) -> tuple[str, tuple[Report, ...] | str]:
        try:
            asked = sessions.of(host).ask(
                "haproxy", answer_seconds=_ASK_SECONDS, commands=[STAT, STATE]
            )
            return host.name, reports(*asked["answers"])
        except HostError as error:
            return host.name, str(error)
        except NotUnderstood as error:
            return host.name, f"{host.name}: {error}"

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return dict(pool.map(ask, balancers))


def _as_json(seen: Seen) -> str:
    rows = [
        {"balancer": balancer, **asdict(one)} for balancer, one in _rows(seen)
    ]  # fmt: skip
    return dumps(rows, indent=2)


def _as_lines(seen: Seen) -> list[str]:
    cells = [
        (
            balancer,
            one.backend,
            one.server,
            one.status,
            one.admin,
            str(one.sessions),
            str(timedelta(seconds=one.since_seconds)),
            one.check,
        )
        for balancer, one in _rows(seen)
    ]
    return aligned([_TITLE, *cells]) if cells else []


def _rows(seen: Seen) -> Iterator[tuple[str, Report]]:
    for balancer, found in seen.items():
        if not isinstance(found, str):
            yield from ((balancer, one) for one in found)


def _troubles(seen: Seen) -> Iterator[str]:
    """Yield a line for each balancer that cannot be read, or that lacks servers."""
    for balancer, found in seen.items():
        if isinstance(found, str):
            yield found
        elif down := [f"{one.backend}/{one.server}" for one in found if not one.is_as_wanted]:
            yield f"{balancer}: down: {', '.join(down)}"
