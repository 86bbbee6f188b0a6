"""Every balancer is told the same of a server: this is where they are asked and told."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from haproxy.stats import STAT, STATE, Admin, NotUnderstood, Report, reports
from ops.deploy.desk import Desk, at_once
from ops.errors import ChangeFailed, HostError
from provisioning.fleet import Host, Role
from provisioning.flows import RECEIVER

ASK_SECONDS = 45  # its socket may be gone while it reloads
EMPTY_SECONDS = 30
UP_SECONDS = 20
PAGES = "pages"
PINGS = "pings_"  # the backends of receivers begin so

Seen = Mapping[str, tuple[Report, ...]]  # by balancer


@dataclass(frozen=True, slots=True)
class Line:
    """A server in a backend of a balancer."""

    balancer: str
    report: Report

    def __str__(self) -> str:
        return f"{self.balancer} {self.report.backend}/{self.report.server}"


def seen_by_balancers(desk: Desk) -> Seen:
    """Ask all balancers that take part. HostError when one cannot be asked."""

    def ask(host: Host) -> tuple[str, tuple[Report, ...]]:
        asked = desk.of(host).ask("haproxy", answer_seconds=ASK_SECONDS, commands=[STAT, STATE])
        try:
            return host.name, reports(*asked["answers"])
        except NotUnderstood as error:
            raise ChangeFailed(f"{host.name}: {error}") from None

    return dict(at_once(ask, desk.hosts(Role.LOAD_BALANCER)))


def lines_of(seen: Seen, server: Host) -> list[Line]:
    """Return an application server's lines: of its pages, and of each of its receivers."""
    return [
        Line(balancer, one) for balancer, some in seen.items() for one in some if is_of(one, server)
    ]


def is_of(report: Report, server: Host) -> bool:
    """Tell whether a line is one of that server's."""
    if report.backend == PAGES:
        return report.server == server.name
    slots = {f"{server.name}-{slot}" for slot in range(len(RECEIVER))}
    return report.backend.startswith(PINGS) and report.server in slots


def unknown_to(seen: Seen, servers: Iterable[Host]) -> Iterator[str]:
    """Yield what balancers do not know of the servers."""
    for server in servers:
        for balancer, some in seen.items():
            if not any(is_of(one, server) for one in some):
                yield f"{balancer} does not know {server.name}: fab apply first."


def disagreement(seen: Seen, server: Host) -> str:
    """Return how balancers were told different things of a server; "" when they agree.

    One that was off has missed what the others were told, or comes back with an old word.
    """
    told: dict[str, set[str]] = {}
    for line in lines_of(seen, server):
        told.setdefault(line.report.admin.value, set()).add(line.balancer)
    if len(told) < 2:
        return ""
    who = "; ".join(f"{state} on {', '.join(sorted(some))}" for state, some in sorted(told.items()))
    return f"{who}. fab lb.ready {server.name}, or fab lb.drain {server.name}, ends that."


def nobody_else(seen: Seen, server: Host) -> list[str]:
    """Return the backends that serve now and would not without this server."""
    return [
        f"{balancer} {backend}"
        for balancer, some in seen.items()
        for backend in sorted({one.backend for one in some if is_of(one, server)})
        if _serving(some, backend)
        and all(is_of(one, server) for one in _serving(some, backend))
    ]  # fmt: skip


def _serving(some: Iterable[Report], backend: str) -> list[Report]:
    return [one for one in some if one.backend == backend and one.is_serving]


def tell(desk: Desk, server: Host, state: Admin) -> None:
    """Tell every balancer what a server is to be. HostError when one does not take it."""
    seen = seen_by_balancers(desk)

    def one(host: Host) -> None:
        names = [f"{line.backend}/{line.server}" for line in seen[host.name] if is_of(line, server)]
        desk.of(host).ask(
            "haproxy",
            answer_seconds=ASK_SECONDS,
            commands=[f"set server {name} state {state}" for name in names],
            audit=desk.did(host, f"{server.name} {state}"),
        )

    at_once(one, desk.hosts(Role.LOAD_BALANCER))


def tell_who_answers(desk: Desk, server: Host, state: Admin) -> list[str]:
    """Tell those balancers that can be told; return what the others say."""
    troubles = []
    for host in desk.hosts(Role.LOAD_BALANCER):
        try:
            alone = Desk(
                desk.fleet, desk.sessions, desk.audit, desk.telling, desk.stopping,
                frozenset(one.name for one in desk.fleet.hosts if one != host),
            )  # fmt: skip
            tell(alone, server, state)
        except HostError as error:
            troubles.append(str(error))
    return troubles


def wait_until_empty(desk: Desk, server: Host, seconds: float = EMPTY_SECONDS) -> str:
    """Wait until no balancer has a request at the server; say who is left when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        left = [line for line in lines_of(seen_by_balancers(desk), server) if line.report.sessions]
        count = sum(line.report.sessions for line in left)
        if not left:
            return "nothing is under way"
        if time.monotonic() > deadline:
            named = ", ".join(f"{line}: {line.report.sessions}" for line in left)
            return f"after {seconds:.0f} s still under way: {named}"
        desk.telling.progress(f"  {server.name}  {count} requests under way ...")
        desk.stopping.pause()


def wait_until_up(desk: Desk, server: Host, seconds: float = UP_SECONDS) -> None:
    """Wait until every balancer sends requests to the server. ChangeFailed says who does not."""
    deadline = time.monotonic() + seconds
    while True:
        lines = lines_of(seen_by_balancers(desk), server)
        down = [line for line in lines if not line.report.is_serving]
        if not down:
            return
        if time.monotonic() > deadline:
            named = "; ".join(f"{line} {line.report.status} {line.report.check}" for line in down)
            raise ChangeFailed(f"{server.name}: not up after {seconds:.0f} s: {named}.")
        desk.stopping.pause()
