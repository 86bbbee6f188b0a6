"""Does the fleet work on the new primary? This is where servers and balancers prove it."""

import time
from collections.abc import Sequence

from ops.deploy.desk import Desk, at_once
from ops.deploy.smoke import pings, wrong_answers
from ops.deploy.standing import standing_of
from ops.errors import ChangeFailed
from ops.failover.logins import application_login
from provisioning.dsn import DATABASE
from provisioning.fleet import Host, Role
from provisioning.flows import POSTGRESQL

FIRST_WRITE_SECONDS, PROVE_SECONDS = 60.0, 60.0
PAUSE_SECONDS = 0.1
ASK_SECONDS = 60


def wait_for_first_write(desk: Desk, new: Host, timeline: int) -> float | None:
    """Return when the product first wrote to the timeline, seconds since 1970.

    Its drain notes that, with the change of the directory's counter that goes with it.
    None when there is no product yet. ChangeFailed when nobody comes to write.
    """
    if not _serving(desk):
        return None
    deadline = time.monotonic() + FIRST_WRITE_SECONDS
    while True:
        said = desk.of(new).ask(
            "first_write",
            answer_seconds=ASK_SECONDS,
            port=POSTGRESQL.port,
            database=DATABASE,
            timeline=timeline,
        )
        if said["is_noted"] is None:
            return None
        if said["is_noted"]:
            return float(said["seen_at"])
        if time.monotonic() > deadline:
            raise ChangeFailed(
                f"{new.name}: no drain and no notifier has written to it within "
                f"{FIRST_WRITE_SECONDS:.0f} s. journalctl -u stillhere-drain says why."
            )
        time.sleep(PAUSE_SECONDS)


def prove(desk: Desk, new: Host) -> str:
    """Have every server log in where it may write, and a ping of every balancer arrive."""
    serving, deadline = _serving(desk), time.monotonic() + PROVE_SECONDS
    while wrong := (not_writable(desk, new) or _not_arrived(desk, serving)):
        if time.monotonic() > deadline:
            raise ChangeFailed("\n".join(wrong))
        time.sleep(PAUSE_SECONDS)
    servers, balancers = desk.hosts(Role.APP_SERVER), desk.hosts(Role.LOAD_BALANCER)
    words = f"{len(servers)} servers may write"
    return f"{words}, a ping of {len(balancers)} balancers arrives" if serving else words


def not_writable(desk: Desk, primary: Host) -> list[str]:
    """Return the application servers that cannot write to a database host, and why."""

    def one(server: Host) -> str:
        is_standby, words = application_login(desk, server, primary)
        if words:
            return f"{server.name}: {words}"
        return f"{server.name}: {primary.name} takes no writes." if is_standby else ""

    return list(filter(None, at_once(one, desk.hosts(Role.APP_SERVER))))


def _not_arrived(desk: Desk, serving: Sequence[Host]) -> list[str]:
    """Return what balancers' pings have not come to the database: its word is 404."""
    return [line for one in serving for line in wrong_answers(desk, pings(desk.fleet, one))]


def _serving(desk: Desk) -> list[Host]:
    """Return the servers that run a release and are not taken out."""
    found = at_once(lambda host: standing_of(desk.of(host)), desk.hosts(Role.APP_SERVER))
    return [one.host for one in found if one.on.current and one.maintenance is None]
