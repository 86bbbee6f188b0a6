"""A host is worked on while others serve: this is where it is done to one after the other.

    look -> drained: (what is done) -> smoke test -> ready -> watched -> the next host

A host is done when its health is proved: an application server's by the balancers, and any
host's by its units, of which none may have failed that had not before. Any red ends it.
A database is worked on only as a standby: it streams before, and again afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ops.databases.streaming import prove_work, refuse_work
from ops.deploy.desk import Desk
from ops.deploy.drained import drained
from ops.deploy.rolling import put_back
from ops.deploy.smoke import smoke
from ops.deploy.standing import Standing
from ops.errors import ChangeFailed, HostError, Refused, Stopped
from provisioning.fleet import Fleet, Host, Role

WHY_NOT = {
    Role.LOAD_BALANCER: "a load balancer: its clients have to be led away by DNS first",
}
ASK_SECONDS = 120

Work = Callable[[Desk, Standing], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: who is done, and why it stopped before its end or ""."""

    done: tuple[Host, ...]
    left: tuple[Host, ...] = ()
    trouble: str = ""


def chosen(fleet: Fleet, words: str) -> tuple[Host, ...]:
    """Return the hosts of names, or of roles, with commas between. Refused with the reason."""
    known: dict[str, tuple[Host, ...]] = {host.name: (host,) for host in fleet.hosts}
    known |= {role.value: fleet.of_role(role) for role in Role}
    names = [word.strip() for word in words.split(",") if word.strip()]
    if unknown := [name for name in names if name not in known]:
        raise Refused(f"{', '.join(unknown)}: no host and no role; there are {', '.join(known)}.")
    hosts = tuple(dict.fromkeys(host for name in names for host in known[name]))
    if not hosts:
        raise Refused(f"Which hosts? There are {', '.join(known)}.")
    reasons = [f"{host.name} is {WHY_NOT[host.role]}" for host in hosts if host.role in WHY_NOT]
    if reasons:
        raise Refused(f"Nothing was begun: {'; '.join(reasons)}. It is not done by this command.")
    return hosts


def one_by_one(desk: Desk, standings: Sequence[Standing], why: str, work: Work) -> Outcome:
    """Do the work on each host, drained where it serves, until one is red."""
    done: list[Host] = []
    hosts = tuple(one.host for one in standings)
    for one in standings:
        try:
            desk.stopping.check()
            _do(desk, one, why, work)
        except (HostError, Stopped) as red:
            desk.audit.keep(one.host.name, "failed", str(red))
            desk.telling.trouble(str(red))
            left = _left(desk, one)
            return Outcome(tuple(done), hosts[len(done) :], f"{one.host.name}: {left}")
        done.append(one.host)
    return Outcome(tuple(done))


def _do(desk: Desk, one: Standing, why: str, work: Work) -> None:
    host = one.host
    if host.role is Role.DATABASE:
        refuse_work(desk, host)
    failed = set(look(desk, host)["failed"])
    if _serves(one):
        with drained(desk, host, why):
            work(desk, one)
            _prove(desk, one, failed)
    else:
        work(desk, one)
        _prove(desk, one, failed)


def _serves(one: Standing) -> bool:
    """Tell whether clients would notice; a server without a release has none."""
    return one.serves and bool(one.on.current)


def _prove(desk: Desk, one: Standing, failed_before: set[str]) -> None:
    if one.host.role is Role.DATABASE:
        prove_work(desk, one.host)
    with desk.telling.step("smoke test", one.host.name) as step:
        step.words = "its units"
        if _serves(one):
            step.words = smoke(desk, one.host, in_maintenance=one.maintenance is not None)
        if failed := set(look(desk, one.host)["failed"]) - failed_before:
            raise ChangeFailed(f"{one.host.name}: failed now: {', '.join(sorted(failed))}.")


def look(desk: Desk, host: Host, *, refresh: bool = False) -> dict[str, Any]:
    """Ask for upgrades, stale units, failed ones and the boot; `refresh` reads the archives."""
    seconds = ASK_SECONDS + (300 if refresh else 0)
    return desk.of(host).ask("software", answer_seconds=seconds, refresh=refresh)


def _left(desk: Desk, one: Standing) -> str:
    """Let a server serve again if it can; return how it was left."""
    if not _serves(one):
        return "is left as it is"
    with desk.stopping.ignored():
        return put_back(desk, one.host, one.on.current)
