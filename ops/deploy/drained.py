"""A server is out of all balancers while something is done to it: this is where.

    mark -> drain -> nothing under way -> maintenance -> (what is done) -> ready -> up -> watched

The mark on the server is there from the first to the last of these. Whoever finds it
later knows that a procedure has taken the server out, and no operator's hand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from haproxy.stats import Admin
from ops.deploy.balancers import (
    disagreement,
    nobody_else,
    seen_by_balancers,
    tell,
    wait_until_empty,
    wait_until_up,
)
from ops.deploy.desk import Desk
from ops.deploy.standing import standing_of, to_be_afterwards
from ops.deploy.watching import watch
from ops.errors import ChangeFailed
from provisioning.fleet import Host, Role

ASK_SECONDS = 60


@contextmanager
def drained(desk: Desk, server: Host, why: str, *, is_put_back: bool = False) -> Iterator[None]:
    """Take an application server out; put it back in at the end, when nothing was raised.

    ChangeFailed when nobody else would serve, or when it does not do well afterwards:
    it is left as it is then, with its mark. One that an operator has taken out stays out.
    """
    name = server.name
    seen, standing = seen_by_balancers(desk), standing_of(desk.of(server))
    is_alone = len(desk.fleet.of_role(Role.APP_SERVER)) == 1
    if not is_put_back and not is_alone and (alone := nobody_else(seen, server)):
        raise ChangeFailed(f"{name}: is the last that serves at {', '.join(alone)}.")
    if not standing.mark and (words := disagreement(seen, server)):
        raise ChangeFailed(f"{name}: {words}")
    afterwards = to_be_afterwards(seen, server, standing.mark)
    _mark(desk, server, why, afterwards, standing.mark.get("before") or standing.on.current)
    with desk.telling.step("drain", name) as step:
        tell(desk, server, Admin.DRAIN)
        step.words = "on all balancers"
    with desk.telling.step("wait", name) as step:
        step.words = wait_until_empty(desk, server)
    with desk.telling.step("maintenance", name):
        tell(desk, server, Admin.MAINTENANCE)
    yield
    desk.stopping.check()
    before = seen_by_balancers(desk)
    with desk.telling.step(afterwards, name) as step:
        tell(desk, server, afterwards)
        if afterwards is Admin.READY and standing.maintenance is None:
            wait_until_up(desk, server)
            step.words = "up on all balancers"
        else:
            step.words = f"left out, as it was by hand; fab lb.ready {name} ends that"
    if afterwards is Admin.READY and standing.maintenance is None:
        with desk.telling.step("watch", name) as step:
            step.words = watch(desk, server, before)
    unmark(desk, server)


def _mark(desk: Desk, server: Host, why: str, afterwards: Admin, before: str) -> None:
    mark = {
        "by": desk.who,
        "why": why,
        "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "afterwards": afterwards.value,
        "before": before,
    }
    line = desk.did(server, f"taken out for {why}")
    desk.of(server).ask("set_mark", answer_seconds=ASK_SECONDS, mark=mark, audit=line)


def unmark(desk: Desk, server: Host) -> None:
    """Take the mark away: nothing is under way there any more."""
    line = desk.did(server, "is as it should be again")
    desk.of(server).ask("set_mark", answer_seconds=ASK_SECONDS, mark={}, audit=line)
