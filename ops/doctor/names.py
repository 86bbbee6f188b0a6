"""Do the public names lead to our load balancers, and to nobody else."""

import queue
import socket
import threading
from collections.abc import Iterator, Mapping

from ops.doctor.seen import FLEET, Level, Line, Questions, Seen
from provisioning.fleet import Fleet, Host, Machine, Role

SUBJECT = "names"
RESOLVE_SECONDS = 8


def questions(_fleet: Fleet, _host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask no host: what counts is what everybody out here is told."""
    return {}


def resolved(name: str) -> frozenset[str] | None:
    """Return the addresses that this machine's resolver knows of a name; None for none."""
    found: queue.Queue[frozenset[str]] = queue.Queue()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answers = []
        found.put(frozenset(str(one[4][0]) for one in answers))

    # It has no time-out of its own, and cannot be ended: it is left behind.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        return found.get(timeout=RESOLVE_SECONDS) or None
    except queue.Empty:
        return None


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each public name, or one for each thing that is wrong with it."""
    for name in dict.fromkeys((seen.fleet.site, seen.fleet.pings)):
        for level, words in judged(seen.fleet, seen.addresses[name]):
            yield Line(SUBJECT, FLEET, level, f"{name} {words}")


def judged(fleet: Fleet, addresses: frozenset[str] | None) -> Iterator[tuple[Level, str]]:
    """Yield how the published addresses compare with the public load balancers."""
    if addresses is None:
        level = Level.NOTE if fleet.lab else Level.RED
        yield level, "is not known to this machine's resolver. Publish it, or look from elsewhere."
        return
    public = [host for host in fleet.of_role(Role.LOAD_BALANCER) if host.public]
    owners = {address: host for host in public for address in (host.address, host.address6)}
    strange = sorted(addresses - set(owners))
    if strange:
        yield Level.RED, f"leads to {', '.join(strange)}: no public load balancer. Take it out."
    for kind, ours in (
        ("IPv4", {host.address: host.name for host in public}),
        ("IPv6", {host.address6: host.name for host in public}),
    ):
        missing = sorted(name for address, name in ours.items() if address not in addresses)
        if len(missing) == len(ours):
            yield (
                Level.RED,
                f"has no {kind} address of ours: nobody finds it by {kind}. Publish one.",
            )
        elif missing:
            yield Level.NOTE, f"does not lead to {', '.join(missing)} by {kind}. Was it taken out?"
        elif not strange:
            yield Level.GREEN, f"leads to {', '.join(ours.values())} by {kind}"
