"""A plan is carried out: this is where hosts are changed, all at once, each in its order."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from ops.audit import Audit
from ops.changes import REVERT_SECONDS, Change
from ops.errors import ChangeFailed, HostError
from ops.plan import HostPlan, Plan
from ops.reading import MOST_AT_ONCE, Sessions
from ops.remote import Session, can_connect
from provisioning.fleet import Fleet

Told = Callable[[str, Change], None]
SPARE_SECONDS = 60  # an answer's way, beyond what the host itself waits for


@dataclass(slots=True)
class Result:
    """How one host ended: how many changes were made, and why it stopped before the last.

    `seconds` is where its time went, by kind of change.
    """

    host: str
    made: int = 0
    trouble: str = ""
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


def apply_plan(plan: Plan, sessions: Sessions, audit: Audit, told: Told) -> list[Result]:
    """Make the very changes of the plan. A host stops at its first failure; the others go on."""
    work = [each for each in plan.hosts if each.changes]
    stop = Event()

    def one(each: HostPlan) -> Result:
        return _apply_host(plan, each, sessions, audit, told, stop)

    with ThreadPoolExecutor(min(max(len(work), 1), MOST_AT_ONCE)) as pool:
        running = [pool.submit(one, each) for each in work]
        try:
            wait(running)
        except KeyboardInterrupt:
            stop.set()  # each host ends the change that it is at
        return [each.result() for each in running]


def _apply_host(
    plan: Plan, each: HostPlan, sessions: Sessions, audit: Audit, told: Told, stop: Event
) -> Result:
    name = each.host.name
    result = Result(name)
    try:
        session = sessions.of(each.host)
        for group in _groups(each.changes):
            if stop.is_set():
                raise ChangeFailed(f"{name}: stopped by Ctrl-C. The next apply finishes it.")
            begin = time.monotonic()
            _make(plan.fleet, session, group, audit)
            result.seconds[group[0].request["kind"]] += time.monotonic() - begin
            for change in group:
                told(name, change)
            result.made += len(group)
    except HostError as error:
        audit.keep(name, "failed", str(error))
        result.trouble = str(error)
    return result


def _groups(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield changes that are one act on the host: packages that stand together."""
    group: list[Change] = []
    for change in changes:
        if group and not (_is_package(group[-1]) and _is_package(change)):
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _is_package(change: Change) -> bool:
    return change.request.get("kind") == "packages"


def _make(fleet: Fleet, session: Session, group: list[Change], audit: Audit) -> None:
    request = _request(group)
    words = ", ".join(f"{change.verb} {change.key}" for change in group)
    if not group[0].guarded:
        # A command says how long it may take: a copy of a database takes hours.
        patience = request["seconds"] + SPARE_SECONDS if "seconds" in request else None
        session.ask("change", answer_seconds=patience, audit=audit.line(words), **request)
    else:
        _make_guarded(fleet, session, request, audit.line(words))
    audit.keep(session.host.name, "made", words)


def _request(group: list[Change]) -> dict[str, Any]:
    if len(group) == 1:
        return group[0].request
    requests = [change.request for change in group]
    return {
        "kind": "packages",
        "install": [name for one in requests for name in one["install"]],
        "purge": [name for one in requests for name in one["purge"]],
    }


def _make_guarded(fleet: Fleet, session: Session, request: dict[str, Any], line: str) -> None:
    """Change, come in anew, confirm; whoever cannot come in has it taken back by the host."""
    name = request["name"]
    session.ask("change", audit=line, answer_seconds=REVERT_SECONDS + 15, **request)
    # A daemon that reloads refuses for a moment, a busy host for longer.
    if not can_connect(fleet, session.host, within_seconds=REVERT_SECONDS / 2):
        raise ChangeFailed(
            f"{session.host.name}: {name} was changed, and no new connection got in. "
            f"The host takes it back by itself within {REVERT_SECONDS} s."
        )
    session.ask("confirm", name=name, read=request["read"], restores=request["restores"])
