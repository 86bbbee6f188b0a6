"""Does every host answer, and was it ever applied."""

from collections.abc import Iterator, Mapping

from ops.doctor.seen import Level, Line, Questions, Seen
from provisioning.fleet import Fleet, Host, Machine

SUBJECT = "hosts"


def questions(_fleet: Fleet, _host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask nothing more: that it answers is the answer."""
    return {}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line a host."""
    for host in seen.fleet.hosts:
        yield Line(SUBJECT, host.name, *_judged(seen, host.name))


def _judged(seen: Seen, name: str) -> tuple[Level, str]:
    if name in seen.troubles:
        return Level.RED, f"{seen.troubles[name]} Nothing else is said about it."
    machine = seen.machines[name]
    if not machine.applied:
        return Level.RED, "was never applied, or not to the end: fab apply."
    if not machine.debian:
        return Level.RED, "answers, and is no Debian. The roles are made for Debian 12 and 13."
    return Level.GREEN, f"answers, applied, Debian {machine.debian}"
