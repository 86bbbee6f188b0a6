"""Do pages and receivers of every application server say that they are well."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.seen import Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import PAGES, RECEIVER
from provisioning.releases import MARK
from provisioning.roles.app_server import MAINTENANCE

SUBJECT = "health"
WELL = 200


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask what HAProxy asks, through the same ports."""
    if host.role is not Role.APP_SERVER:
        return {}
    signs = [MARK, MAINTENANCE]
    return {
        _name(port, path): {
            "about": "health",
            "address": host.address,
            "port": port,
            "path": path,
            "name": fleet.site if port == PAGES.port else fleet.pings,
            "signs": signs,
        }
        for port, path in _asked()
    }


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each answer; one for a host that has no release or is in maintenance."""
    for host in seen.reached(Role.APP_SERVER):
        answers = {one: seen.answer(host, _name(*one)) for one in _asked()}
        there: list[str] = next((one["there"] for one in answers.values() if "there" in one), [])
        if MARK not in there and not any("failed" in one for one in answers.values()):
            words = "no release is there yet: fab deploy."
            yield Line(SUBJECT, host.name, Level.NOTE, words)
            continue
        for (port, path), answer in answers.items():
            if "failed" in answer:
                yield not_examined(SUBJECT, host, answer)
                continue
            yield Line(SUBJECT, host.name, *judged(port, path, answer))


def judged(port: int, path: str, answer: Mapping[str, Any]) -> tuple[Level, str]:
    """Return how one program is."""
    if answer.get("status") == WELL:
        return Level.GREEN, f"{port} {path} is well"
    said = answer.get("said") or f"answers {answer['status']}"
    if port == PAGES.port and MAINTENANCE in answer["there"]:
        return Level.NOTE, f"{port} {path} is in maintenance: {MAINTENANCE} is there."
    return Level.RED, f"{port} {path} is not well: {said}. journalctl -u 'stillhere-*'"


def _asked() -> Iterator[tuple[int, str]]:
    yield PAGES.port, "/-/pages"
    for receiver in RECEIVER:
        yield receiver.port, "/-/prompt"
        yield receiver.port, "/-/accepting"


def _name(port: int, path: str) -> str:
    return f"{SUBJECT} {port} {path}"
