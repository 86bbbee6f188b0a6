"""What clients get of every load balancer: both certificates, over IPv4 and IPv6, by either name.

The observer asks, as a client that is nobody's neighbour. What lies in the files is
judged by `certificates`; here is what HAProxy really shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from ops.certificates.pair import Kind, Shown, shown
from ops.doctor.certificates import LEAST_DAYS, SUBJECT
from ops.doctor.seen import Level, Line, Questions, Seen
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import HTTPS

Handshake = Mapping[str, str]  # address, name, kind, and certificate (PEM) or trouble


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask the observer about each load balancer."""
    if host.role is not Role.OBSERVER:
        return {}
    return {
        _name(balancer): {
            "about": "handshakes",
            "addresses": [balancer.address, balancer.address6],
            "names": [fleet.site, fleet.pings],
            "port": HTTPS.port,
        }
        for balancer in fleet.of_role(Role.LOAD_BALANCER)
    }


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each kind at each balancer, as the first observer sees it."""
    observer = next(seen.reached(Role.OBSERVER), None)
    if observer is None:
        return
    names = (seen.fleet.site, seen.fleet.pings)
    now = datetime.fromtimestamp(seen.machines[observer.name].now, UTC)
    for balancer in seen.reached(Role.LOAD_BALANCER):
        asked = seen.answer(observer, _name(balancer))
        for kind in Kind:
            found = [one for one in asked.get("handshakes", ()) if one["kind"] == kind]
            if (
                found
                and all("certificate" not in one for one in found)
                and _is_bare(seen, balancer)
            ):
                continue  # never applied; that has its own line
            level, words = judged(found, names, now) if found else (Level.RED, asked["failed"])
            yield Line(
                SUBJECT, balancer.name, level, f"{kind}, as {observer.name} gets it: {words}"
            )


def judged(found: Sequence[Handshake], names: Sequence[str], now: datetime) -> tuple[Level, str]:
    """Return how one kind is at one balancer, by all handshakes; the worst one speaks. Pure."""
    said = [_judged(one, names, now) for one in found]
    for level in (Level.RED, Level.NOTE):
        if words := list(dict.fromkeys(words for each, words in said if each is level)):
            return level, "; ".join(words)
    serials = {about.serial for one in found if (about := shown(one["certificate"]))}
    if len(serials) > 1:
        return Level.RED, f"not the same everywhere: {', '.join(sorted(serials))}. Reload HAProxy."
    return Level.GREEN, said[0][1]


def _judged(one: Handshake, names: Sequence[str], now: datetime) -> tuple[Level, str]:
    where = f"{one['name']} at {one['address']}"
    about = shown(one.get("certificate", ""))
    if about is None:
        return Level.RED, f"none for {where}: {one.get('trouble', 'no certificate')}"
    days = about.days_left(now)
    if days < 0:
        return Level.RED, f"has expired {-days} days ago; fab certs.renew"
    if lacking := _lacking(about, names):
        return Level.RED, f"is not for {' and '.join(lacking)}; fab certs.issue"
    if days < LEAST_DAYS:
        return Level.RED, f"expires in {days} days; fab certs.renew"
    if about.is_self_signed:
        return Level.NOTE, "is self-signed: browsers warn; fab certs.issue"
    return Level.GREEN, f"good for {days} days"


def _lacking(about: Shown, names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in about.names]


def _is_bare(seen: Seen, balancer: Host) -> bool:
    """Tell whether the balancer has no files either."""
    answers = (seen.answer(balancer, f"{SUBJECT} {kind}") for kind in Kind)
    return not any(one.get("is_there") for one in answers)


def _name(balancer: Host) -> str:
    return f"served by {balancer.name}"
