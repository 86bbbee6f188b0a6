"""Has every backend of every load balancer a server; and who has taken which one out.

Nobody forgets a server that was drained by hand some Friday: it is a note as long as it is out.
"""

from collections.abc import Iterator, Mapping, Sequence

from haproxy.stats import STAT, STATE, Admin, NotUnderstood, Report, reports
from ops.deploy.balancers import disagreement, is_of
from ops.doctor import health
from ops.doctor.seen import FLEET, Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.releases import MARK

SUBJECT = "backends"


def questions(_fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask each load balancer what it has, and what operators have told it."""
    if host.role is not Role.LOAD_BALANCER:
        return {}
    return {SUBJECT: {"about": "backends", "commands": [STAT, STATE]}}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each balancer that is well, else one for each thing that is not."""
    servers = seen.fleet.of_role(Role.APP_SERVER)
    told: dict[str, tuple[Report, ...]] = {}
    for host in seen.reached(Role.LOAD_BALANCER):
        answer = seen.answer(host, SUBJECT)
        if answer.get("is_bare"):
            continue  # never applied; that has its own line
        if "failed" in answer:
            yield not_examined(SUBJECT, host, answer)
            continue
        try:
            told[host.name] = some = reports(*answer["answers"])
        except NotUnderstood as error:
            yield not_examined(SUBJECT, host, {"failed": str(error)})
            continue
        for level, words in judged(some, servers, answer["told"], has_release=_has_release(seen)):
            yield Line(SUBJECT, host.name, level, words)
    for server in servers:
        if words := disagreement(told, server):
            yield Line(SUBJECT, FLEET, Level.RED, f"{server.name} is {words}")


def judged(
    some: Sequence[Report], servers: Sequence[Host], told: Sequence[str], *, has_release: bool
) -> list[tuple[Level, str]]:
    """Return what is to be said of one balancer. `told`: what operators did, newest last. Pure."""
    if not has_release and not any(one.is_serving for one in some):
        return [(Level.NOTE, "no server is up, and none has a release yet: fab deploy.")]
    found = [
        (Level.RED, f"{name} has no server that is up: clients get errors. fab lb.status")
        for name in dict.fromkeys(one.backend for one in some)
        if not any(one.is_serving for one in some if one.backend == name)
    ]
    for server in servers:
        own = [one for one in some if is_of(one, server)]
        if out := [one for one in own if one.admin is not Admin.READY]:
            states = ", ".join(sorted({one.admin.value for one in out}))
            by = who(server.name, told) or "nobody knows by whom"
            found.append((Level.NOTE, f"{server.name} is out ({states}): {by}"))
        elif down := [f"{one.backend} {one.check}" for one in own if not one.is_serving]:
            found.append((Level.RED, f"{server.name} is down: {'; '.join(down)}. fab lb.status"))
    return found or [(Level.GREEN, f"all {len(some)} lines of servers are up")]


def who(server: str, told: Sequence[str]) -> str:
    """Return when and by whom a server was told something last; "" when nobody knows. Pure."""
    about = [line for line in told if f"did='{server} " in line]
    if not about:
        return ""
    begin, _, words = about[-1].partition(" operator=")
    return f"{begin.split()[0]} operator={words}"


def _has_release(seen: Seen) -> bool:
    servers = seen.reached(Role.APP_SERVER)
    return any(MARK in seen.answer(one, health.SIGNS).get("there", ()) for one in servers)
