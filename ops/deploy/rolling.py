"""Application servers get a release, one after the other: this is where each is done."""

from dataclasses import replace

from haproxy.stats import Admin
from ops.deploy.balancers import seen_by_balancers, tell_who_answers
from ops.deploy.desk import Desk
from ops.deploy.drained import drained
from ops.deploy.smoke import smoke
from ops.deploy.standing import Standing, standing_of
from ops.errors import HostError, Locked, Stopped
from ops.release import switch
from ops.remote import can_connect
from provisioning.fleet import Host, Role

ASK_SECONDS = 300
REACH_SECONDS = 5.0


class RollStopped(Exception):
    """A server did not take the release; the text says how it was left."""


def roll(desk: Desk, standing: Standing, release_id: str) -> None:
    """Give one server the release. RollStopped when anything is red: the old one is back then."""
    server = standing.host
    try:
        desk.stopping.check()
        with drained(desk, server, f"release {release_id}"):
            run_release(desk, server, release_id)
    except (HostError, Stopped) as red:
        desk.audit.keep(server.name, "failed", str(red))
        desk.telling.trouble(str(red))
        with desk.stopping.ignored():
            left = put_back(desk, server, standing.before(release_id))
        raise RollStopped(f"{server.name}: {left}") from None


def run_release(desk: Desk, server: Host, release_id: str) -> None:
    """Have a server that is out run a release, and try it. HostError when it does not work."""
    session, telling, name = desk.of(server), desk.telling, server.name
    in_maintenance = standing_of(session).maintenance is not None
    with telling.step("stop notifier", name):
        session.ask(
            "stop_notifier",
            answer_seconds=ASK_SECONDS,
            audit=desk.did(server, "stop the notifier"),
        )
    desk.stopping.check()
    with telling.step("switch", name) as step:
        desk.did(server, f"switch to release {release_id}")
        switch(session, release_id, desk.who)
        step.words = release_id
    with telling.step("restart", name):
        session.ask(
            "restart_services",
            answer_seconds=ASK_SECONDS,
            audit=desk.did(server, "restart the services"),
        )
    with telling.step("smoke test", name) as step:
        step.words = smoke(desk, server, in_maintenance=in_maintenance)


def put_back(desk: Desk, server: Host, old: str) -> str:
    """Have a server run its old release again and serve; return how it was left."""
    name = server.name
    desk = replace(desk, without=desk.without | silent_balancers(desk))
    if not can_connect(desk.fleet, server, REACH_SECONDS):
        troubles = tell_who_answers(desk, server, Admin.MAINTENANCE)
        return "; ".join(
            ["does not answer; it is in maintenance on the balancers until a deploy", *troubles]
        )
    if not desk.hosts(Role.LOAD_BALANCER):
        return "is left as it is: no balancer answers, and each may send to it or not"
    try:
        desk.reach(server)
        standing = standing_of(desk.of(server))
        if not standing.mark:
            return "nothing was begun there"
        if standing.on.current == old and standing.running == {old}:
            with drained(desk, server, f"release {old}", is_put_back=True):
                pass
            return f"has release {old} as before, and serves"
        if not old:
            return "is in maintenance on all balancers: it has no earlier release"
        desk.telling.say(f"  {name}  going back to {old}")
        with drained(desk, server, f"release {old}", is_put_back=True):
            run_release(desk, server, old)
    except (HostError, Locked) as error:
        tell_who_answers(desk, server, Admin.MAINTENANCE)
        return f"is in maintenance, and serves nothing: {error}"
    return f"has release {old} again, and serves"


def silent_balancers(desk: Desk) -> frozenset[str]:
    """Return the balancers that do not answer; nothing can be put back there."""
    silent = set()
    for host in desk.hosts(Role.LOAD_BALANCER):
        try:
            one = replace(
                desk, without=frozenset(each.name for each in desk.fleet.hosts if each != host)
            )
            desk.reach(host)
            seen_by_balancers(one)
        except (HostError, Locked) as error:
            desk.telling.trouble(f"{error} Nothing is put back there.")
            silent.add(host.name)
    return frozenset(silent)
