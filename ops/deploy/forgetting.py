"""An application server is dead for good: this is where the fleet stops waiting for it.

What it had taken and not handed over is on its disk, and nowhere else. So it is said first
how much that may be, as far as the database and the balancers know.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from haproxy.stats import Admin
from ops.deploy import journals
from ops.deploy.balancers import PINGS, Seen, is_of, lines_of, seen_by_balancers, tell
from ops.deploy.desk import Desk
from ops.deploy.journals import Receiver
from ops.errors import Refused
from ops.remote import can_connect
from provisioning.fleet import Host

SAMPLE_SECONDS = 3.0
REACH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a dead server. `down_since`: when a balancer last thought it was up.

    `per_second` is what each of the others takes now, in pings: a measure of what it took.
    """

    receivers: tuple[Receiver, ...]
    down_since: datetime | None
    per_second: float
    through: Host
    release: str

    @property
    def is_forgotten(self) -> bool:
        """Tell whether no alert waits for it already."""
        return all(one.is_retired for one in self.receivers)


def looked(desk: Desk, server: Host) -> Known:
    """Return what is known of a server that does not answer. Refused when it is not dead."""
    if can_connect(desk.fleet, server, REACH_SECONDS):
        raise Refused(f"{server.name} answers. fab app.retire {server.name} loses nothing.")
    before, begin = seen_by_balancers(desk), time.monotonic()
    if up := [str(line) for line in lines_of(before, server) if line.report.is_serving]:
        raise Refused(
            f"{server.name} does not answer us, and still serves at {', '.join(up)}. It is not "
            f"dead: fab lb.maintenance {server.name} first."
        )
    through, release = journals.another(desk, server)
    found = journals.receivers(desk, through, release, server.name)
    desk.stopping.pause(SAMPLE_SECONDS)
    now = datetime.now(UTC)
    downs = [
        now - timedelta(seconds=line.report.since_seconds)
        for line in lines_of(before, server)
        if line.report.backend.startswith(PINGS) and line.report.admin is Admin.READY
    ]
    rate = per_second(before, seen_by_balancers(desk), server, time.monotonic() - begin)
    return Known(tuple(found), max(downs, default=None), rate, through, release)


def per_second(before: Seen, after: Seen, without: Host, seconds: float) -> float:
    """Return the pings that each other server takes in a second. Pure."""
    old = {(name, one.backend, one.server): one for name, some in before.items() for one in some}
    count, servers = 0, set()
    for name, some in after.items():
        for one in some:
            if one.backend.startswith(PINGS) and one.is_serving and not is_of(one, without):
                servers.add(one.server.rpartition("-")[0])
                earlier = old.get((name, one.backend, one.server))
                count += max(one.requests - (earlier.requests if earlier else 0), 0)
    return count / seconds / len(servers) if servers else 0.0


def lines(server: str, known: Known, now: datetime) -> list[str]:
    """Return what may be lost, as far as can be known. Pure."""
    found = [_line(one, now) for one in known.receivers]
    if not found:
        return [f"The database knows no receiver of {server}: no alert waits for it."]
    return [*found, *_meaning(server, known)]


def _line(one: Receiver, now: datetime) -> str:
    how = "forgotten already" if one.is_retired else "waited for"
    if one.applied_before is None:
        return f"  receiver {one.slot}  {how}; it has never reported"
    ago = str(now - one.applied_before).split(".")[0]
    return (
        f"  receiver {one.slot}  {how}; last reported {ago} ago: what it took before "
        f"{one.applied_before:%Y-%m-%d %H:%M:%S} UTC is in the database"
    )


def _meaning(server: str, known: Known) -> list[str]:
    times = [one.applied_before for one in known.receivers if one.applied_before]
    said = [
        f"  What {server} took after that and before it died is on its disk, and nowhere else. How "
        "many pings that are, nobody can know."
    ]
    if times and known.down_since:
        span = max((known.down_since - min(times)).total_seconds(), 0.0)
        said.append(
            f"  The balancers have not reached it since {known.down_since:%Y-%m-%d %H:%M:%S} UTC. "
            f"The others take {known.per_second:.1f} pings a second each: in those {span:.0f} s "
            f"between, about {known.per_second * span:.0f}."
        )
    return said


def consequence(server: str) -> str:
    """Return what it means to go on, in one sentence."""
    return (
        f"FORGET {server}.  Alerts stop waiting for it, and jobs whose pings lie on its disk may "
        "be called down; should the disk come back, its drain brings them in, each once."
    )


def forget(desk: Desk, server: Host, known: Known) -> Sequence[Receiver]:
    """Stop waiting for the server; should it come back, no balancer sends it anything."""
    with desk.telling.step("maintenance", server.name) as step:
        tell(desk, server, Admin.MAINTENANCE)
        step.words = "on all balancers, until it leaves the inventory"
    with desk.telling.step("positions", server.name) as step:
        found = journals.retire(desk, known.through, known.release, server.name)
        step.words = f"no alert waits for it any more (through {known.through.name})"
    return found
