"""Does a server with a new release work? Each balancer asks it, before any client does."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ops.deploy.desk import Desk, at_once
from ops.errors import ChangeFailed
from provisioning.fleet import Fleet, Host, Role
from provisioning.flows import PAGES, RECEIVER

HEALTH_SECONDS = 30.0
ASK_SECONDS = 90
_DOWN = "does not stay up: "
_OK = (200,)
# Nobody's check: it goes through journal and drain to the database all the same, whose word is
# 404. 200 means that the drain did not say so in time: then the database is what is slow.
_NOBODYS = "/ping/00000000-0000-0000-0000-000000000000"
_TAKEN = (200, 404)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked on a private port, with the Host header that clients use."""

    address: str
    port: int
    host: str
    path: str


Asked = dict[Question, tuple[int, ...]]  # with the answers that are right


def health(fleet: Fleet, server: Host, in_maintenance: bool) -> Asked:
    """Return what the balancers' own checks ask, with the answers that are right."""
    asked: Asked = {}
    if not in_maintenance:
        asked[Question(server.address, PAGES.port, fleet.site, "/-/pages")] = _OK
    for service in RECEIVER:
        for path in ("/-/prompt", "/-/accepting"):
            asked[Question(server.address, service.port, fleet.pings, path)] = _OK
    return asked


def work(fleet: Fleet, server: Host) -> Asked:
    """Return what people and jobs ask, with the answers that are right."""
    asked: Asked = {Question(server.address, PAGES.port, fleet.site, "/sign-in/"): _OK}
    for service in RECEIVER:
        asked[Question(server.address, service.port, fleet.pings, _NOBODYS)] = _TAKEN
    return asked


def pings(fleet: Fleet, server: Host) -> Asked:
    """Return pings that have to come to the database and back: only its word is 404."""
    return {
        Question(server.address, service.port, fleet.pings, _NOBODYS): (404,)
        for service in RECEIVER
    }


def smoke(desk: Desk, server: Host, *, in_maintenance: bool = False) -> str:
    """Wait until the server is healthy, then have each balancer try it. ChangeFailed if not."""
    deadline = time.monotonic() + HEALTH_SECONDS
    while wrong := _down(desk, server) or wrong_answers(
        desk, health(desk.fleet, server, in_maintenance)
    ):
        if time.monotonic() > deadline or wrong[0].startswith(_DOWN):
            raise ChangeFailed(f"{server.name}: not healthy: {wrong[0]}")
        desk.stopping.pause()
    if wrong := wrong_answers(desk, work(desk.fleet, server)):
        raise ChangeFailed(f"{server.name}: the smoke test failed: {'; '.join(wrong)}")
    if wrong := _down(desk, server, must_run=True):
        raise ChangeFailed(f"{server.name}: {wrong[0]}")
    return "health, sign-in page, a ping to each receiver"


def _down(desk: Desk, server: Host, *, must_run: bool = False) -> list[str]:
    """Return why the server's programs do not stay up; with `must_run` also who has not begun."""
    said = desk.of(server).ask("services", answer_seconds=ASK_SECONDS)
    bad = [
        name
        for name, one in said["units"].items()
        if one["active"] in ("failed", "failing") or (must_run and one["active"] != "active")
    ]
    return [f"{_DOWN}{', '.join(bad)}\n{said['said']}"] if bad else []


def wrong_answers(desk: Desk, asked: Asked) -> list[str]:
    """Return what was answered wrongly, to any balancer; each is to ask all of it."""
    questions = list(asked)

    def one(balancer: Host) -> list[str]:
        answers = desk.of(balancer).ask(
            "fetch", answer_seconds=ASK_SECONDS, questions=[asdict(one) for one in questions]
        )["answers"]
        return [
            f"{balancer.name} asked {question.path} on port {question.port}: {_said(answer)}"
            for question, answer in zip(questions, answers, strict=True)
            if answer["status"] not in asked[question]
        ]

    return [line for some in at_once(one, desk.hosts(Role.LOAD_BALANCER)) for line in some]


def _said(answer: Mapping[str, Any]) -> str:
    if answer["status"]:
        return f"status {answer['status']}"
    return f"no answer: {answer['said'][:80]}"
