"""Measure what `fab plan` costs against a bare `ssh HOST true` to the same hosts.

    python -m tests.bench.plan lab      the fleet has to be applied

Prints the median of both, made in turns in one run, and their ratio; it asserts nothing.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ops.fleets import find_fleet
from provisioning.fleet import Fleet, Host

ROUNDS = 7


def main() -> None:
    """Measure in turns, so that a busy machine is busy for both."""
    fleet = find_fleet(sys.argv[1] if len(sys.argv) > 1 else "")
    ways: dict[str, Callable[[], None]] = {
        "ssh HOST true, in parallel": lambda: _bare(fleet),
        "fab plan": lambda: _plan(fleet),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begin = time.monotonic()
            way()
            seconds[name].append(time.monotonic() - begin)
    medians = {name: statistics.median(some) for name, some in seconds.items()}
    for name, median in medians.items():
        low, high = min(seconds[name]), max(seconds[name])
        print(f"{name:<28} {median:6.2f} s  ({low:.2f} to {high:.2f}, {ROUNDS} rounds)")
    bare, plan = medians.values()
    print(f"{len(fleet.hosts)} hosts: a plan costs {plan / bare:.2f} times a bare ssh")


def _bare(fleet: Fleet) -> None:
    with ThreadPoolExecutor(len(fleet.hosts)) as pool:
        list(pool.map(lambda host: _ssh(fleet, host), fleet.hosts))


def _ssh(fleet: Fleet, host: Host) -> None:
    folder = fleet.path.parent
    command = ["ssh", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    command += [
        "-o",
        f"UserKnownHostsFile={folder / 'known_hosts'}",
        "-i",
        str(folder / "id_ed25519"),
    ]
    subprocess.run([*command, f"root@{host.address}", "true"], check=True, timeout=30)


def _plan(fleet: Fleet) -> None:
    fab = Path(sys.executable).parent / "fab"
    done = subprocess.run(
        [str(fab), "plan", "--fleet", str(fleet.path)], capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        sys.exit(f"The plan is not empty: measure an applied fleet.\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
