"""Do all clocks tell the same time.

The time of a ping is when a server received it, and who is late is judged by it.
"""

from collections.abc import Iterator, Mapping
from statistics import median

from ops.doctor.seen import FLEET, Clock, Level, Line, Questions, Seen
from provisioning.fleet import Fleet, Host, Machine

SUBJECT = "clock"
MOST_SKEW_SECONDS = 1.0
ENOUGH_TO_DOUBT_OURS = 3  # hosts that agree with each other and not with us


def questions(_fleet: Fleet, _host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask nothing more: the time comes with the facts of a machine."""
    return {}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line a host, and one about our own clock when all hosts say that it is wrong."""
    ours = own_error_seconds(seen.clocks)
    if ours:
        words = f"this machine's clock differs from every host's by {abs(ours):.1f} s: set it."
        yield Line(SUBJECT, FLEET, Level.RED, words)
    for host in seen.reached():
        yield Line(SUBJECT, host.name, *judged(seen.clocks[host.name], ours))


def own_error_seconds(clocks: Mapping[str, Clock]) -> float:
    """Return how far all hosts are ahead of us, when they agree that it is too far; else 0."""
    if len(clocks) < ENOUGH_TO_DOUBT_OURS:
        return 0.0
    middle = median(clock.ahead_seconds for clock in clocks.values())
    agreed = all(judged(clock, middle)[0] is not Level.RED for clock in clocks.values())
    off = all(judged(clock, 0.0)[0] is Level.RED for clock in clocks.values())
    return middle if agreed and off else 0.0


def judged(clock: Clock, true_seconds: float) -> tuple[Level, str]:
    """Return how a clock is, when `true_seconds` ahead of ours is the right time."""
    ahead = clock.ahead_seconds - true_seconds
    where = "ahead" if ahead > 0 else "behind"
    off = f"{abs(ahead):.2f} s {where}, give or take {clock.unsure_seconds:.2f} s"
    if abs(ahead) - clock.unsure_seconds > MOST_SKEW_SECONDS:
        return Level.RED, f"{off}: is systemd-timesyncd running, and does it reach a time server?"
    if clock.unsure_seconds > MOST_SKEW_SECONDS:
        return Level.NOTE, f"answers too slowly to know its clock: {off}. Look again."
    return Level.GREEN, off
