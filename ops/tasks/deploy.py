"""`fab deploy` and its sisters: a release goes out, goes back, and where which one is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from json import dumps
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.confirming import confirmed
from ops.console import Console
from ops.deploy import procedure, summary
from ops.deploy.balancers import Seen, seen_by_balancers
from ops.deploy.desk import WITHOUT, Desk, at_once, left_out
from ops.deploy.plan import ORDER, made_plan
from ops.deploy.standing import Standing, standings
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import HostError, Refused
from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.release import build
from ops.tasks.fleet import PENDING, speaking
from provisioning.fleet import Fleet, Host, Role

_FLEET = {"fleet": "Name of a fleet, or path of its inventory."}
_BOTH = _FLEET | {
    "yes": "Do not ask.",
    "without": WITHOUT,
    "why": "What the others see while you hold the fleet, and what the audit log keeps.",
}


@task(
    default=True,
    help=_BOTH
    | {
        "commit": "Which commit; HEAD if none is named, and then all has to be committed.",
        "allow": "Migrations that may run although they do more than expand: app.0005_name,...",
    },
    auto_shortflags=False,
)
def deploy(
    _: Any, fleet: str = "", commit: str = "", yes: bool = False, without: str = "",
    allow: str = "", why: str = "",
) -> None:  # fmt: skip
    """Bring a commit out, server by server. Exit 0 done, 1 stopped, 2 not all of it is done."""
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        release = build(commit, told=console.say)
        console.say(f"Release {release.id} of {release.made_at:%Y-%m-%d}: {release.subject}")
        with _desk(described, console, without, why or f"fab deploy {release.id}") as desk:
            outcome = procedure.deploy(
                desk, release, _names(allow), lambda: _confirmed(desk, yes, release.id)
            )
            _finish(desk, outcome)


@task(
    help=_BOTH
    | {"commit": "Which commit; HEAD if none is named, and then all has to be committed."},
    auto_shortflags=False,
)
def databases(
    _: Any, fleet: str = "", commit: str = "", yes: bool = False, without: str = "",
    why: str = "",
) -> None:  # fmt: skip
    """Bring a commit to database hosts and observer alone: new ones, before a restore."""
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        release = build(commit, told=console.say)
        with _desk(described, console, without, why or "fab deploy.databases") as desk:
            outcome = procedure.deploy_databases(
                desk, release, lambda: _confirmed(desk, yes, release.id)
            )
            _finish(desk, outcome, is_all=False)


@task(
    help=_BOTH | {"release": "Which release that is kept; the one before if none is named."},
    auto_shortflags=False,
)
def rollback(
    _: Any, fleet: str = "", release: str = "", yes: bool = False, without: str = "",
    why: str = "",
) -> None:  # fmt: skip
    """Bring a release back that hosts have kept. The tables stay: they fit both releases."""
    console = Console()
    with (
        speaking(console),
        _desk(find_fleet(fleet), console, without, why or "fab deploy.rollback") as desk,
    ):
        plan = procedure.prepared(desk, release)
        target = release or summary.release_before(plan.standings)
        if missing := summary.lacking(target, plan.standings):
            raise Refused(
                f"{', '.join(missing)} does not have {target}. "
                f"fab deploy --fleet {desk.fleet.name} --commit {target} brings it."
            )
        plan = made_plan(target, {one.host.name: one for one in plan.standings})
        outcome = procedure.roll_back(desk, plan, lambda: _confirmed(desk, yes, target))
        _finish(desk, outcome)


@task(help=_FLEET | {"json": "Print JSON for programs."}, auto_shortflags=False)
def status(_: Any, fleet: str = "", json: bool = False) -> None:
    """Show which release is on which host. Exit 0 when all have and run the same one, else 1."""
    console = Console()
    described = find_fleet(fleet)
    with speaking(console), sessions_with(described) as sessions:
        desk = Desk(described, sessions, Audit(described.name, ""), _telling(described, console),
                    Stopping())  # fmt: skip
        found, seen = _state(desk)
        wrong = list(summary.troubles(described, found, seen))
        if json:
            console.data(dumps(_as_json(found), indent=2))
        else:
            console.data("\n".join(summary.table(described, found, seen)))
        for words in wrong:
            console.say(console.trouble(words))
    if wrong:
        raise Exit(code=1)


@contextmanager
def _desk(fleet: Fleet, console: Console, without: str, why: str) -> Iterator[Desk]:
    """Hold the fleet and lay everything out."""
    out = left_out(fleet, without)
    telling = _telling(fleet, console)
    with sessions_with(fleet, (operator(), why)) as sessions:
        audit = Audit(fleet.name, why)
        yield Desk(fleet, sessions, audit, telling, Stopping(), out)


def _telling(fleet: Fleet, console: Console) -> Telling:
    return Telling(
        console, max(len(name) for name in ("tables", *(host.name for host in fleet.hosts)))
    )


def _confirmed(desk: Desk, yes: bool, release_id: str) -> bool:
    return confirmed(desk.telling.console, desk.fleet, yes, f"Release {release_id} to")


def _finish(desk: Desk, outcome: procedure.Outcome, *, is_all: bool = True) -> None:
    """Say what is where, where the time went, and what to do now.

    Not `is_all`: what is wrong with application servers is told, and nobody's fault here.
    """
    telling, fleet = desk.telling, desk.fleet
    if not outcome.was_wanted:
        raise Exit(code=PENDING)
    if not outcome.had_work:
        telling.say(f"Nothing to do: all hosts have release {outcome.release_id} and run it.")
    else:
        for line in telling.where_time_went():
            telling.say(line)
    if outcome.trouble:
        at_once(lambda host: _reach(desk, host), desk.hosts())
    found, seen = _state(desk)
    telling.data("\n".join(summary.table(fleet, found, seen)))
    wrong = list(summary.troubles(fleet, found, seen))
    for words in wrong:
        telling.trouble(words)
    if outcome.trouble:
        telling.trouble(f"STOPPED. {outcome.trouble}")
        for line in summary.next_commands(fleet, outcome.release_id, found):
            telling.say(line)
        raise Exit(code=1)
    if outcome.had_work and is_all:
        _say_how_to_begin(telling.say, found)
    if wrong and is_all:
        raise Exit(code=PENDING)


def _say_how_to_begin(say: Callable[[str], None], found: summary.Found) -> None:
    servers = [one for one in found.values() if isinstance(one, Standing) and one.serves]
    if servers and not any(one.on.previous or one.on.left for one in servers):
        say("This was the first release. The first user is made by:")
        say(summary.first_user(servers[0].host))


def _reach(desk: Desk, host: Host) -> None:
    """Open a line again that broke; who does not answer then says so when asked how it stands."""
    with suppress(HostError):
        desk.reach(host)


def _state(desk: Desk) -> tuple[dict[str, Standing | str], Seen]:
    """Return what can be known now; who is left out or silent stands there as a text."""
    found: dict[str, Standing | str] = {
        host.name: "left out" for host in desk.fleet.hosts if host.name in desk.without
    }
    hosts: tuple[Host, ...] = desk.hosts(*ORDER)
    found |= standings(desk, hosts)
    seen: dict[str, Any] = {}
    for balancer in desk.hosts(Role.LOAD_BALANCER):
        alone = frozenset(host.name for host in desk.fleet.hosts if host != balancer)
        try:
            seen |= seen_by_balancers(
                Desk(desk.fleet, desk.sessions, desk.audit, desk.telling, desk.stopping, alone)
            )
        except HostError as error:
            found[balancer.name] = str(error)
    return found, seen


def _as_json(found: summary.Found) -> list[dict[str, Any]]:
    return [
        {"host": name, "trouble": one}
        if isinstance(one, str)
        else {
            "host": name,
            "role": one.host.role.value,
            "release": one.on.current,
            "previous": one.on.previous,
            "since": one.on.since.isoformat() if one.on.since else None,
            "by": one.on.by,
            "running": sorted(one.running),
            "mark": dict(one.mark),
            "kept": [each.id for each in one.on.releases],
        }
        for name, one in found.items()
    ]


def _names(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
