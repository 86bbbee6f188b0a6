"""A server has a new release and serves again: this is where balancers tell how it does."""

import time

from ops.deploy.balancers import Line, Seen, lines_of, seen_by_balancers
from ops.deploy.desk import Desk
from ops.errors import ChangeFailed
from provisioning.fleet import Host

WATCH_SECONDS = 5.0
PAUSE_SECONDS = 0.5
# One broken answer may be its client's doing.
LEAST_ERRORS = 2
MOST_ERRORS_SHARE = 0.02


def watch(desk: Desk, server: Host, before: Seen, seconds: float = WATCH_SECONDS) -> str:
    """Return how many requests went well; ChangeFailed as soon as too many do not."""
    old = {str(line): line for line in lines_of(before, server)}
    deadline = time.monotonic() + seconds
    while True:
        now = {str(line): line for line in lines_of(seen_by_balancers(desk), server)}
        requests, why = judged(old, now)
        if why:
            raise ChangeFailed(f"{server.name}: {why}")
        if time.monotonic() > deadline:
            return f"{requests} requests, and no trouble"
        desk.stopping.pause(PAUSE_SECONDS)


def judged(before: dict[str, Line], now: dict[str, Line]) -> tuple[int, str]:
    """Return the requests since then, and what is wrong with the server or "". Pure.

    A balancer that was reloaded counts from zero again.
    """
    if down := [line for line in now.values() if not line.report.is_serving]:
        said = "; ".join(f"{line} is {line.report.status} {line.report.check}" for line in down)
        return 0, f"went down while it was watched: {said}."
    requests = errors = 0
    for name, line in now.items():
        old = before[name].report if name in before else None
        base = old if old and old.requests <= line.report.requests else None
        requests += line.report.requests - (base.requests if base else 0)
        errors += line.report.errors - (base.errors if base else 0)
    if errors >= LEAST_ERRORS and errors > MOST_ERRORS_SHARE * requests:
        return requests, f"{errors} of {requests} requests failed while it was watched."
    return requests, ""
