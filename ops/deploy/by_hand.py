"""An operator takes a server out, or in again: this is where, beside all procedures."""

import contextlib
from datetime import UTC, datetime

from haproxy.stats import Admin
from ops.deploy.balancers import (
    nobody_else,
    seen_by_balancers,
    tell,
    wait_until_empty,
    wait_until_up,
)
from ops.deploy.desk import Desk
from ops.deploy.drained import unmark
from ops.deploy.smoke import smoke
from ops.deploy.standing import standing_of
from ops.errors import HostError, Refused
from provisioning.fleet import Host

ASK_SECONDS = 60


def take_out(desk: Desk, server: Host, state: Admin, *, even_last: bool = False) -> None:
    """Drain a server, or put it into maintenance, on all balancers. Refused for the last one.

    Maintenance is written on the server too, where no balancer can forget it.
    """
    alone = nobody_else(seen_by_balancers(desk), server)
    if alone and not even_last:
        raise Refused(
            f"{server.name} is the last that serves at {', '.join(alone)}. --even-last does it "
            "all the same, and clients see errors."
        )
    if state is Admin.MAINTENANCE:
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        _maintenance(desk, server, f"by {desk.who} since {since}")
    with desk.telling.step(state.value, server.name) as step:
        tell(desk, server, state)
        step.words = "on all balancers; it stays so over reloads, until fab lb.ready"
    _supersede(desk, server)
    with desk.telling.step("wait", server.name) as step:
        step.words = wait_until_empty(desk, server)


def take_in(desk: Desk, server: Host) -> None:
    """Let a server serve again. HostError when it is not healthy, or does not come up."""
    _maintenance(desk, server, "")
    with desk.telling.step("smoke test", server.name) as step:
        step.words = smoke(desk, server)
    unmark(desk, server)
    with desk.telling.step("ready", server.name) as step:
        tell(desk, server, Admin.READY)
        wait_until_up(desk, server)
        step.words = "up on all balancers"


def _supersede(desk: Desk, server: Host) -> None:
    """Let the hand's word hold: the mark of what was cut off would let the server in again."""
    with contextlib.suppress(HostError):  # a dead one keeps its mark; it is said elsewhere
        if standing_of(desk.of(server)).mark:
            unmark(desk, server)


def _maintenance(desk: Desk, server: Host, words: str) -> None:
    """Say it on the server itself; a dead one is no reason not to take it out."""
    did = desk.did(server, f"maintenance {words}" if words else "no maintenance")
    try:
        desk.of(server).ask("set_maintenance", answer_seconds=ASK_SECONDS, words=words, audit=did)
    except HostError as error:
        if not words:
            raise
        desk.telling.trouble(f"{error} Only the balancers know of its maintenance.")
