"""Do pages and receivers of every application server say that they are well.

The balancers are the ones who ask: receivers tell nobody else, and what HAProxy
would hear is what counts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.seen import Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import PAGES, RECEIVER
from provisioning.releases import MARK
from provisioning.roles.app_server import MAINTENANCE

SUBJECT = "health"
WELL = 200
SIGNS = "signs of a release and of maintenance"


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask servers what is there, and balancers what HAProxy asks, through the same ports."""
    if host.role is Role.APP_SERVER:
        return {SIGNS: {"about": "there", "paths": [MARK, MAINTENANCE]}}
    if host.role is not Role.LOAD_BALANCER:
        return {}
    return {
        _name(server, port, path): {
            "about": "health",
            "address": server.address,
            "port": port,
            "path": path,
            "name": fleet.site if port == PAGES.port else fleet.pings,
        }
        for server in fleet.of_role(Role.APP_SERVER)
        for port, path in _asked()
    }


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each thing asked; one for a server that has no release."""
    balancers = list(seen.reached(Role.LOAD_BALANCER))
    for host in seen.reached(Role.APP_SERVER):
        signs = seen.answer(host, SIGNS)
        if "failed" in signs:
            yield not_examined(SUBJECT, host, signs)
        elif MARK not in signs["there"]:
            yield Line(SUBJECT, host.name, Level.NOTE, "no release is there yet: fab deploy.")
        elif not balancers:
            yield Line(SUBJECT, host.name, Level.NOTE, "no load balancer is there to ask it.")
        else:
            for port, path in _asked():
                answers = {
                    balancer.name: seen.answer(balancer, _name(host, port, path))
                    for balancer in balancers
                }
                is_out = port == PAGES.port and MAINTENANCE in signs["there"]
                yield Line(SUBJECT, host.name, *judged(port, path, answers, is_out=is_out))


def judged(
    port: int, path: str, answers: Mapping[str, Mapping[str, Any]], *, is_out: bool
) -> tuple[Level, str]:
    """Return how one program is, by what it answered to each balancer."""
    bad = {
        balancer: answer.get("failed") or answer.get("said") or f"answers {answer['status']}"
        for balancer, answer in answers.items()
        if answer.get("status") != WELL
    }
    if not bad:
        return Level.GREEN, f"{port} {path} is well"
    if is_out:
        return Level.NOTE, f"{port} {path} is in maintenance: {MAINTENANCE} is there."
    said = "; ".join(f"{balancer}: {words}" for balancer, words in bad.items())
    return Level.RED, f"{port} {path} is not well: {said}. journalctl -u 'stillhere-*'"


def _asked() -> Iterator[tuple[int, str]]:
    yield PAGES.port, "/-/pages"
    for receiver in RECEIVER:
        yield receiver.port, "/-/prompt"
        yield receiver.port, "/-/accepting"


def _name(server: Host, port: int, path: str) -> str:
    return f"{SUBJECT} {server.name} {port} {path}"
