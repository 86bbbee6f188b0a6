"""Which requests clients make, and through which doors."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ops.lab.plan import Lab
from provisioning.flows import HTTPS

SITE, PINGS = "stillhere.test", "ping.stillhere.test"
BALANCERS = ("lb1", "lb2")


def doors(lab: Lab, through: Sequence[str] = BALANCERS) -> list[tuple[str, str]]:
    """Return the name and the address of every way in: each balancer by IPv4 and by IPv6."""
    return [
        (f"{name} {family.__name__}", family(lab.host(name)))
        for name in through
        for family in (lab.address, lab.address6)
    ]


def stream(
    kind: str, door: tuple[str, str], targets: Sequence[str], *, is_kept: bool,
    pause_seconds: float, headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return one client, as the traffic takes it: its requests come one after the other."""
    return {
        "kind": kind, "door": door, "targets": list(targets), "is_kept": is_kept,
        "pause_seconds": pause_seconds, "headers": dict(headers or {}),
    }  # fmt: skip


def asked(trusted: str, streams: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what the traffic is told. `trusted`: certificates as PEM."""
    return {
        "site": SITE, "pings": PINGS, "port": HTTPS.port, "trusted": trusted,
        "streams": list(streams),
    }  # fmt: skip
