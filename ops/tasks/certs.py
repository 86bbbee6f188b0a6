"""`fab certs.*`: TLS certificates for the fleet's names, from the order to what clients get."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.certificates.installing import Ended, Installation, refuse_bad
from ops.certificates.ordering import (
    Pairs,
    due,
    names_of,
    observer_of,
    order,
    order_of,
    read_pairs,
)
from ops.certificates.pair import Kind, shown
from ops.certificates.standing import Standing, standings
from ops.confirming import confirmed
from ops.console import Console
from ops.errors import HostError, Refused
from ops.fleets import find_fleet
from ops.lab.report import aligned
from ops.reading import sessions_with
from ops.remote import Session
from ops.secrets import read_vault, vault_of
from ops.tasks.fleet import speaking
from provisioning.fleet import Fleet, Role

_OPTIONS = {"fleet": "Name of a fleet, or path of its inventory."}
_CHANGES = _OPTIONS | {
    "yes": "Do not ask.",
    "why": "What the others see while you hold the hosts, and what the audit log keeps.",
}
_RENEW = _CHANGES | {
    "days": "Renew what expires within so many days.",
    "force": "Renew, however long they are still valid.",
}
_TITLE = ("HOST", "KIND", "SERIAL", "UNTIL", "DAYS", "ISSUER", "NAMES")
NOTHING_DUE: dict[Kind, str] = {}


@task(help=_CHANGES, auto_shortflags=False)
def issue(_: Any, fleet: str = "", yes: bool = False, why: str = "") -> None:
    """Order what is missing, or not for the fleet's names, and install it."""
    _bring(
        fleet, yes, why or "fab certs.issue", lambda pairs, names, now: due(pairs, names, now, 0)
    )


@task(help=_RENEW, auto_shortflags=False)
def renew(
    _: Any, fleet: str = "", days: int = 30, force: bool = False, yes: bool = False, why: str = ""
) -> None:
    """Order anew what expires soon, and install it. Nothing due: only install."""

    def chosen(pairs: Pairs, names: tuple[str, ...], now: datetime) -> dict[Kind, str]:
        if not pairs:
            raise Refused("There is no certificate to renew. fab certs.issue orders the first.")
        found = due(pairs, names, now, days)
        return found | dict.fromkeys(Kind, "is renewed by --force") if force else found

    _bring(fleet, yes, why or "fab certs.renew", chosen)


@task(help=_CHANGES, auto_shortflags=False)
def install(_: Any, fleet: str = "", yes: bool = False, why: str = "") -> None:
    """Put on every load balancer what the observer keeps, for a new balancer for instance."""
    _bring(fleet, yes, why or "fab certs.install", lambda *_: NOTHING_DUE)


@task(help=_OPTIONS | {"json": "Print a JSON list for programs."}, auto_shortflags=False)
def status(_: Any, fleet: str = "", json: bool = False) -> None:
    """Show what the observer keeps and each balancer shows. Exit 1 when anything is wrong."""
    console, now = Console(), datetime.now(UTC)
    with speaking(console), sessions_with(described := find_fleet(fleet)) as sessions:
        hosts = (observer_of(described), *described.of_role(Role.LOAD_BALANCER))
        found = standings(hosts, sessions.of, names_of(described), now)
    console.data(_as_json(found) if json else "\n".join(_as_lines(found, now)))
    wrong = [each for each in found if each.trouble]
    for each in wrong:
        console.say(console.trouble(f"{each.host} {each.kind}: {each.trouble}"))
    if wrong:
        raise Exit(code=1)


def _bring(
    name: str,
    yes: bool,
    why: str,
    chosen: Callable[[Pairs, tuple[str, ...], datetime], Mapping[Kind, str]],
) -> None:
    """Order what is chosen of what is there, then install all that the observer keeps."""
    console, hold = Console(), (operator(), why)
    with speaking(console), sessions_with(described := find_fleet(name), hold) as sessions:
        audit, names = Audit(described.name, why), names_of(described)
        observer = sessions.of(observer_of(described))
        balancers = described.of_role(Role.LOAD_BALANCER)
        for host in balancers:
            with suppress(HostError):  # it is said when its turn comes
                sessions.of(host)  # and held from here on
        wanted = chosen(read_pairs(observer), names, datetime.now(UTC))
        _show(described, wanted, console)
        if not confirmed(console, described, yes):
            return
        _order(described, observer, wanted, audit, console)
        pairs = read_pairs(observer)
        refuse_bad(pairs, names, datetime.now(UTC))
        to_all = Installation(observer, pairs, names, audit, lambda text: console.say(f"  {text}"))
        ended = to_all.bring(balancers, sessions.of)
    _end(ended, pairs, console)


def _show(fleet: Fleet, wanted: Mapping[Kind, str], console: Console) -> None:
    for kind, reason in wanted.items():
        console.say(f"  order {kind:<5}  {', '.join(names_of(fleet))}: {reason}")
    if not wanted:
        console.say("  No certificate has to be ordered.")
    balancers = ", ".join(host.name for host in fleet.of_role(Role.LOAD_BALANCER))
    console.say(f"  install      {balancers}: one after the other, where they are not yet")


def _order(
    fleet: Fleet, observer: Session, wanted: Mapping[Kind, str], audit: Audit, console: Console
) -> None:
    if not wanted:
        return
    what = order_of(fleet, read_vault(vault_of(fleet.path)))
    for number, kind in enumerate(wanted, start=1):
        console.progress(f"Ordering {kind}, {number} of {len(wanted)}")
        order(observer, what, kind, audit)
        console.progress("")
        console.say(f"  {kind} certificate is there")


def _end(ended: list[Ended], pairs: Pairs, console: Console) -> None:
    troubles = [one for one in ended if one.trouble]
    for one in troubles:
        console.say(console.trouble(f"{one.balancer}: {one.trouble}"))
    done = len(ended) - len(troubles)
    until = min(about.not_after for text in pairs.values() if (about := shown(text)))
    console.say(f"{done} of {len(ended)} load balancers show them; valid until {until:%Y-%m-%d}.")
    if troubles:
        console.say("When that is mended: fab certs.install. What is where: fab certs.status.")
        raise Exit(code=1)


def _as_lines(found: list[Standing], now: datetime) -> list[str]:
    rows = [
        (
            each.host,
            each.kind,
            each.about.serial,
            f"{each.about.not_after:%Y-%m-%d}",
            str(each.about.days_left(now)),
            each.about.issuer,
            ", ".join(each.about.names),
        )
        for each in found
        if each.about
    ]
    return aligned([_TITLE, *rows]) if rows else []


def _as_json(found: list[Standing]) -> str:
    return dumps([asdict(each) for each in found], indent=2, default=str)
