"""The whole of it: this is where a failover is looked at, judged, asked for and carried out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ops.databases.judging import the_primary
from ops.databases.node import Node
from ops.databases.reading import read_nodes
from ops.databases.summary import host_rows
from ops.deploy.desk import Desk, at_once
from ops.errors import HostError, Refused
from ops.failover.asking import kept_by, seen
from ops.failover.carrying_out import Course, go
from ops.failover.hands import Outcome
from ops.failover.journal import Procedure, begun
from ops.failover.next_step import Decision, Wanted, Way, what_next
from ops.failover.on_hosts import OnHosts
from ops.failover.preflight import Judgement, Plan, judged
from ops.failover.report import Report
from ops.failover.telling import Steps
from ops.lab.report import aligned
from provisioning.fleet import Host, Role

Nodes = Mapping[str, Node | str]
Confirm = Callable[[str], None]  # with what will be done in a sentence; it ends all if not
_TITLE = ("HOST", "ROLE", "STATE", "TIMELINE", "WRITTEN", "REPLAYED", "LAG")


@dataclass(frozen=True, slots=True)
class Errand:
    """What the operator wants, and how they are asked."""

    wanted: Wanted
    without_backup: bool
    confirm: Confirm


def failover(desk: Desk, errand: Errand) -> Report | None:
    """Do it, go on with it, or take it back. None when there is nothing to do.

    Refused with every reason when nothing may be done.
    """
    nodes = look(desk)
    show(desk, nodes)
    known = {name: one for name, one in nodes.items() if isinstance(one, Node)}
    kept = kept_by(nodes)
    decision = what_next(kept, known, errand.wanted)
    if decision.way is Way.REFUSE:
        raise Refused(decision.words)
    if decision.words:
        desk.telling.say(decision.words)
    if decision.way is Way.NOTHING:
        for ended in filter(None, kept.values()):
            OnHosts(desk).forget(ended)
        return None
    procedure, way = decision.procedure, decision.way
    is_resumed = procedure is not None
    if procedure is None or way is Way.FORWARD:
        procedure, way = _judged(desk, errand, decision, nodes), Way.FORWARD
    elif errand.wanted.is_primary_lost:
        procedure = replace(procedure, is_primary_lost=True)
    report = _run(desk, errand, procedure, way, nodes)
    return replace(report, is_resumed=is_resumed)


def look(desk: Desk) -> Nodes:
    """Ask all database hosts, and hold every host that takes part. Locked: somebody has one."""
    with desk.telling.step("look", "all"):
        try:
            at_once(desk.of, desk.hosts(Role.APP_SERVER, Role.LOAD_BALANCER))
        except HostError as error:
            raise Refused(f"{error} Mend it, or leave that host out: --without.") from None
        return read_nodes(desk.sessions, desk.fleet.of_role(Role.DATABASE))


def show(desk: Desk, nodes: Nodes) -> None:
    """Say how the databases stand."""
    for line in aligned([_TITLE, *host_rows(nodes)]):
        desk.telling.say(f"  {line}")
    for one in nodes.values():
        if isinstance(one, str):
            desk.telling.say(f"  {one}")


def _judged(desk: Desk, errand: Errand, decision: Decision, nodes: Nodes) -> Procedure:
    """Return the procedure when the pre-flight is all green; Refused otherwise."""
    wanted, fleet = errand.wanted, desk.fleet
    cut_off = decision.procedure
    old = fleet.host(cut_off.old) if cut_off else _old_of(desk, nodes, wanted)
    new = fleet.host(wanted.to)
    plan = Plan(new.name, wanted.is_primary_lost, errand.without_backup, cut_off is not None)
    with desk.telling.step("pre-flight", "all"):
        found = seen(desk, nodes, old, new, has_backup=not errand.without_backup)
        points = judged(plan, found)
    for point in (Judgement("P1", "all hosts are held: nobody else is at work"), *points):
        _say(desk, point)
    if any(point.is_red for point in points):
        undone = f" fab db.failover --to {new.name} --undo takes back what is begun."
        raise Refused(f"The pre-flight is red.{undone if cut_off else ' Nothing was changed.'}")
    if cut_off:
        return replace(cut_off, without_backup=errand.without_backup)
    follower = nodes[new.name]
    assert isinstance(follower, Node)
    assert follower.control is not None
    return begun(
        old.name,
        new.name,
        (follower.control.system_identifier, follower.timeline),
        desk.who,
        is_primary_lost=wanted.is_primary_lost,
        without_backup=errand.without_backup,
    )


def _say(desk: Desk, point: Judgement) -> None:
    words = f"{point.point}  {point.words}"
    if point.is_red:
        desk.telling.trouble(words)
    else:
        desk.telling.say(f"    {words}")


def _old_of(desk: Desk, nodes: Nodes, wanted: Wanted) -> Host:
    """Return the primary, or who is believed to have been it. Refused when nobody knows."""
    primary = the_primary(nodes)
    if primary is not None:
        return desk.fleet.host(primary.name)
    others = [
        name
        for name, one in nodes.items()
        if name != wanted.to and (isinstance(one, str) or not (one.is_standby or not one.version))
    ]
    if len(others) != 1:
        named = ", ".join(others) or "none"
        raise Refused(f"Nobody knows which host was the primary; it could have been: {named}.")
    return desk.fleet.host(others[0])


def _run(desk: Desk, errand: Errand, procedure: Procedure, way: Way, nodes: Nodes) -> Report:
    errand.confirm(consequence(procedure, way, nodes))
    hands, steps = OnHosts(desk), Steps(desk.telling)
    course = Course(hands, steps, desk.stopping, time.sleep)
    with desk.stopping.watched():
        outcome = go(course, way, procedure)
    return _report(procedure, outcome, steps, hands.facts, nodes)


def consequence(procedure: Procedure, way: Way, nodes: Nodes) -> str:
    """Return in a sentence or two what will happen."""
    old, new = procedure.old, procedure.new
    if way is Way.UNDO:
        return f"TAKE BACK.  {old} takes writes again; {new} stays its standby."
    if not procedure.is_primary_lost:
        return (
            f"PROMOTE {new}.  {old} stops accepting writes first; nothing that was acknowledged "
            "is lost."
        )
    age = lost_seconds(nodes, new)
    there = nodes.get(old)
    is_there = isinstance(there, Node) and there.takes_writes
    hint = (
        f"  {old} takes writes: without --primary-lost nothing would be lost." if is_there else ""
    )
    words = "nobody knows how old" if age is None else f"{age:.1f} s old"
    return (
        f"PROMOTE {new}, AND GIVE {old} UP.  The last transaction that {new} has is {words}: what "
        f"{old} wrote after it is lost, but for pings, which come back from the journals."
        f"{hint}"
    )


def lost_seconds(nodes: Nodes, new: str) -> float | None:
    """Return the age of the last transaction that a standby has; None when it does not say."""
    one = nodes[new]
    return one.server.replay_age_seconds if isinstance(one, Node) and one.server else None


def _report(
    procedure: Procedure,
    outcome: Outcome,
    steps: Steps,
    facts: Mapping[str, Any],
    nodes: Nodes,
) -> Report:
    first, promoted = facts.get("first_write_at"), facts.get("promoted_at")
    reconnect = max(0.0, first - promoted) if first and promoted else None
    gap = None
    if "fence" in steps.moments and "promote" in steps.moments and promoted:
        end = steps.moments["promote"] + steps.seconds["promote"]
        gap = end - steps.moments["fence"] + (reconnect or 0.0)
    return Report(
        procedure,
        outcome,
        dict(steps.seconds),
        False,
        gap,
        reconnect,
        facts.get("new_timeline"),
        facts.get("rejoin", ""),
        lost_seconds(nodes, procedure.new) if procedure.is_primary_lost else None,
    )
