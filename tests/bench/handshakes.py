"""Measure what TLS costs a balancer: handshakes for each second of HAProxy's CPU time.

    python -m tests.bench.handshakes FLEET      the fleet has to be an applied lab

ECDSA and RSA, each new and resumed, in turns in one run; it asserts nothing.
"""

import re
import statistics
import sys

from ops.fleets import find_fleet
from ops.lab.plan import lab_named
from tests.ops.rehearsal import Rehearsal

ROUNDS = 3
SECONDS = 4
CIPHERS = {"ECDSA": "ECDHE-ECDSA-AES128-GCM-SHA256", "RSA": "ECDHE-RSA-AES128-GCM-SHA256"}
_COUNTED = re.compile(r"(\d+) connections in .*? real seconds")
_SPENT = "awk '/^usage_usec/ {print $2}' /sys/fs/cgroup/system.slice/haproxy.service/cpu.stat"


def main() -> None:
    """Measure in turns, so that a busy machine is busy for all."""
    described = find_fleet(sys.argv[1])
    rehearsal = Rehearsal(lab_named(described.name.removeprefix("lab-")))
    ways = [(kind, how) for kind in CIPHERS for how in ("new", "reuse")]
    found: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for kind, how in ways:
            found[kind, how].append(_handshakes(rehearsal, kind, how))
    base = statistics.median(found["RSA", "new"])
    for (kind, how), some in found.items():
        median = statistics.median(some)
        what = "resumed" if how == "reuse" else "new"
        print(
            f"{kind:<6} {what:<8} {median:8.0f} a core and second   {median / base:5.2f} x RSA new"
        )


def _handshakes(rehearsal: Rehearsal, kind: str, how: str) -> float:
    """Return how many HAProxy makes in a second of its own CPU time."""
    address = rehearsal.lab.address(rehearsal.lab.host("lb1"))
    before = _spent_seconds(rehearsal)
    ask = f"openssl s_time -connect {address}:443 -{how} -time {SECONDS} -tls1_2 -cipher"
    said = rehearsal.run("client", ["sh", "-c", f"{ask} {CIPHERS[kind]} 2>&1"])
    made = _COUNTED.search(said)
    assert made, said
    return int(made[1]) / (_spent_seconds(rehearsal) - before)


def _spent_seconds(rehearsal: Rehearsal) -> float:
    return int(rehearsal.run("lb1", ["sh", "-c", _SPENT])) / 1e6


if __name__ == "__main__":
    main()
