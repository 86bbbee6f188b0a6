"""Real traffic between hosts of a lab: this is where tests see what a fault does."""

import re
import subprocess

from ops.lab import hosts
from ops.lab.plan import Lab


def reaches(lab: Lab, source: str, target: str, *, six: bool = False) -> bool:
    """Say whether a packet came back within a second."""
    host = lab.host(target)
    address = lab.address6(host) if six else lab.address(host)
    ping = ["ping", "-q", "-c1", "-i0.1", "-w1", address]
    return hosts.execute(lab, lab.host(source), ping).returncode == 0


def pings_answered(lab: Lab, source: str, target: str, count: int) -> int:
    """Return how many of so many packets came back."""
    ping = ["ping", "-q", "-c", str(count), "-i0.005", "-W1", lab.address(lab.host(target))]
    said = hosts.execute(lab, lab.host(source), ping).stdout
    return int(_found(r"(\d+) received", said))


def round_trip_ms(lab: Lab, source: str, target: str) -> float:
    """Return the shortest of five round trips."""
    ping = ["ping", "-q", "-c5", "-i0.2", "-W2", lab.address(lab.host(target))]
    said = hosts.execute(lab, lab.host(source), ping).stdout
    return float(_found(r"= ([\d.]+)/", said))


def ssh(lab: Lab, address: str, command: str) -> subprocess.CompletedProcess[str]:
    """Log in as any client of the machine would, with the pinned keys and no proxy."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=5"]
    options += [f"UserKnownHostsFile={lab.home / 'known_hosts'}", "LogLevel=ERROR"]
    given = [part for option in options for part in ("-o", option)]
    return subprocess.run(
        [
            "ssh",
            "-F",
            "none",
            "-i",
            str(lab.home / "id_ed25519"),
            *given,
            f"root@{address}",
            command,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]
