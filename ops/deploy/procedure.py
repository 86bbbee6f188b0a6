"""The whole of it, in order: this is where a deploy and a rollback are carried out.

Up to the question nothing is changed but what lies beside: a release that was brought.
From there on: tables, then databases and observer, then one application server after the
other. Any red ends it; nothing is tried twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ops.deploy.balancers import Seen, seen_by_balancers
from ops.deploy.checking import check, migrate, pending
from ops.deploy.desk import Desk, at_once
from ops.deploy.plan import Plan, made_plan, reasons_against
from ops.deploy.rolling import RollStopped, roll
from ops.deploy.standing import Standing, standings
from ops.errors import HostError, Refused, Stopped
from ops.release import Release, bring, prune, switch
from provisioning.fleet import Host

Asked = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. `trouble` is "" when all hosts that took part have the release."""

    release_id: str
    was_wanted: bool = True
    had_work: bool = True
    trouble: str = ""


def prepared(desk: Desk, release_id: str) -> Plan:
    """Look at everything; Refused with every reason when nothing may be begun."""
    with desk.telling.step("look", "all"):
        found = standings(desk, desk.hosts())
        reasons = reasons_against(desk.fleet, desk.without, found, _seen(desk, found))
    if reasons:
        raise Refused("Nothing was begun:\n    " + "\n    ".join(reasons))
    known = {name: one for name, one in found.items() if isinstance(one, Standing)}
    return made_plan(release_id, known)


def _seen(desk: Desk, found: dict[str, Standing | str]) -> Seen | str:
    silent = frozenset(name for name, one in found.items() if isinstance(one, str))
    try:
        return seen_by_balancers(replace(desk, without=desk.without | silent))
    except HostError as error:
        return str(error)


def deploy(desk: Desk, release: Release, allow: Sequence[str], asked: Asked) -> Outcome:
    """Bring the release out. HostError or Refused when it stops before anything is switched."""
    plan = prepared(desk, release.id)
    desk.telling.data("\n".join(plan.lines()))
    _bring(desk, release, [one.host for one in plan.standings])
    with desk.telling.step("check", "all") as step:
        check(desk, release.id)
        step.words = "the settings of all application servers"
    with desk.telling.step("migrations?", "db") as step:
        migrations = pending(desk, release.id, allow)
        step.words = f"pending: {', '.join(migrations)}" if migrations else "none pending"
    if not plan.work and not migrations:
        return Outcome(release.id, had_work=False)
    if not asked():
        return Outcome(release.id, was_wanted=False)
    with desk.stopping.watched():
        try:
            if migrations:
                with desk.telling.step("migrate", "db") as step:
                    migrate(desk, release.id, allow)
                    step.words = f"{len(migrations)} migrations"
        except HostError as error:
            return Outcome(release.id, trouble=f"{error}\nNothing was switched.")
        return Outcome(release.id, trouble=_carry_out(desk, plan))


def deploy_databases(desk: Desk, release: Release, asked: Asked) -> Outcome:
    """Bring it to the database hosts and the observer alone, and leave all tables as they are.

    Before a restore new hosts have no release, and application servers that have drained into
    the old database rightly migrate no other one.
    """
    whole = prepared(desk, release.id)
    plan = replace(whole, standings=tuple(one for one in whole.standings if not one.serves))
    desk.telling.data("\n".join(plan.lines()))
    if not plan.work:
        return Outcome(release.id, had_work=False)
    _bring(desk, release, [one.host for one in plan.standings])
    if not asked():
        return Outcome(release.id, was_wanted=False)
    with desk.stopping.watched():
        return Outcome(release.id, trouble=_carry_out(desk, plan))


def roll_back(desk: Desk, plan: Plan, asked: Asked) -> Outcome:
    """Go to a release that all hosts have kept; the tables stay as they are."""
    desk.telling.data("\n".join(plan.lines()))
    if not plan.work:
        return Outcome(plan.release_id, had_work=False)
    if not asked():
        return Outcome(plan.release_id, was_wanted=False)
    with desk.stopping.watched():
        return Outcome(plan.release_id, trouble=_carry_out(desk, plan))


def _carry_out(desk: Desk, plan: Plan) -> str:
    """Switch and roll; return "" or why it ended before its end."""
    try:
        for one in plan.work:
            desk.stopping.check()
            if one.serves:
                roll(desk, one, plan.release_id)
            else:
                _switch(desk, one.host, plan.release_id)
    except (RollStopped, HostError, Stopped) as stopped:
        return str(stopped)
    _prune(desk, plan)
    return ""


def _bring(desk: Desk, release: Release, hosts: Sequence[Host]) -> None:
    sent: dict[str, int] = {}
    size = release.code.size_bytes + max(one.size_bytes for one in release.packages.values())

    def told(name: str, count: int) -> None:
        sent[name] = sent.get(name, 0) + count
        shares = (f"{each} {100 * done // size} %" for each, done in sorted(sent.items()))
        desk.telling.progress("  bring  " + "  ".join(shares))

    with desk.telling.step("bring", "all") as step:
        brought = bring(release, desk.sessions, hosts, told)
        if troubles := [one.trouble for one in brought if one.trouble]:
            raise Refused("Nothing was switched:\n    " + "\n    ".join(troubles))
        megabytes = sum(one.sent_bytes for one in brought) / 1e6
        step.words = f"{megabytes:.1f} MB sent" if megabytes else "all have it"


def _switch(desk: Desk, host: Host, release_id: str) -> None:
    with desk.telling.step("switch", host.name) as step:
        desk.did(host, f"switch to release {release_id}")
        switch(desk.of(host), release_id, desk.who)
        step.words = release_id


def _prune(desk: Desk, plan: Plan) -> None:
    """Let old releases go. That one host cannot is no reason to call a deploy red."""

    def one(host: Host) -> str:
        try:
            gone = prune(desk.of(host), also=[plan.release_id])
        except HostError as error:
            return str(error)
        return "" if not gone.releases else f"{host.name}: let go {', '.join(gone.releases)}"

    with desk.telling.step("prune", "all"):
        said = at_once(one, [each.host for each in plan.standings])
    for words in filter(None, said):
        desk.telling.say(f"  {words}")
