"""Power: this is where one host is switched on and off, and what it is doing is read."""

import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ops.errors import LabError
from ops.lab import cgroups, network
from ops.lab.machine import run
from ops.lab.plan import Lab, LabHost

_SCRIPT = Path(__file__).with_name("host.sh")
_SSH_PORT = 22
_READY_WITHIN_SECONDS = 60.0


class State(StrEnum):
    """What a host is doing, seen from the machine and not through the lab's network."""

    RUNNING = "running"  # its sshd listens
    STARTING = "starting"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Condition:
    """What one look at a host found. Memory counts shared pages in part (PSS)."""

    state: State
    uptime_seconds: float = 0.0
    memory_bytes: int = 0


def start(lab: Lab, host: LabHost) -> bool:
    """Switch a host on and return at once. False when it was on already."""
    if cgroups.members(_cgroup(lab, host)):
        return False
    cgroups.end(_cgroup(lab, host))
    network.plug_in(lab, host, _bridge(lab, host))
    folder = lab.folder(host)
    image = (lab.home / "image").resolve()
    machine = f"{lab.tag}-{host.name}"
    script = ["sh", str(_SCRIPT), lab.namespace(host), str(folder), str(image), machine, host.name]
    private = ["unshare", "--mount", "--propagation", "slave", *script]
    cgroups.launch(cgroups.made(lab, host.name), private, folder / "console.log")
    return True


def kill(lab: Lab, host: LabHost) -> bool:
    """Pull the plug. False when the host was off already.

    The port goes down first: what the kernel says on behalf of dying processes
    (FIN, RST) reaches nobody, and peers see silence, as from a dead machine.
    """
    run(["ip", "-n", lab.switch, "link", "set", lab.port(host), "down"])
    was_on = cgroups.end(_cgroup(lab, host))
    network.unplug(lab, host)
    return was_on


def wait_until_ready(lab: Lab, host: LabHost) -> None:
    """Return when the host's sshd listens. LabError with its last words, when it does not."""
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while not _listens(lab, host):
        if not cgroups.members(_cgroup(lab, host)) or time.monotonic() > deadline:
            raise LabError(f"{host.name} did not start. Its console said: {_last_words(lab, host)}")
        time.sleep(0.02)


def condition(lab: Lab, host: LabHost) -> Condition:
    """Look at a host once."""
    members = cgroups.members(_cgroup(lab, host))
    if not members:
        return Condition(State.DEAD)
    state = State.RUNNING if _listens(lab, host) else State.STARTING
    memory = sum(_memory_bytes(process) for process in members)
    return Condition(state, _uptime_seconds(lab, host), memory)


def execute(
    lab: Lab, host: LabHost, command: list[str], *, stdin: str = "", timeout_seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a program in a host, also in one whose network is cut. No ssh is involved."""
    first = _first_process(lab, host)
    if first is None:
        raise LabError(f"{host.name} is not running. `fab lab.start {host.name}` starts it.")
    enter = ["nsenter", "--target", str(first), "--all", "--", *command]
    # In the host's cgroup, so that what it leaves running ends with the host.
    visitors = cgroups.made(lab, f"{host.name}/visitors")
    return run(cgroups.inside(visitors, enter), stdin=stdin, timeout_seconds=timeout_seconds)


def _cgroup(lab: Lab, host: LabHost) -> Path:
    return cgroups.top(lab) / host.name


def _bridge(lab: Lab, host: LabHost) -> str:
    """Return where its cable ends: the segment, or the delay that lies before it."""
    delayed = f"{lab.port(host)}.d"
    return delayed if delayed in network.links_in_switch(lab) else lab.bridge(host.segment)


def _first_process(lab: Lab, host: LabHost) -> int | None:
    """Return the process that is number 1 in the host; None before it has begun."""
    init = _cgroup(lab, host) / "payload/init.scope/cgroup.procs"
    with suppress(OSError, IndexError, ValueError):
        return int(init.read_text("utf-8").split()[0])
    return None


def _listens(lab: Lab, host: LabHost) -> bool:
    """Say whether somebody listens on the port of ssh, by the host's own table of sockets."""
    first = _first_process(lab, host)
    if first is None:
        return False
    with suppress(OSError):
        for line in Path(f"/proc/{first}/net/tcp").read_text("utf-8").splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if int(local.split(":")[1], 16) == _SSH_PORT and state == "0A":  # TCP_LISTEN
                return True
    return False


def _uptime_seconds(lab: Lab, host: LabHost) -> float:
    """Return how long its process number 1 has been there; the machine's own uptime is another."""
    first = _first_process(lab, host)
    if first is None:
        return 0.0
    with suppress(OSError):
        # The name in parentheses may have spaces; field 22 is the start, in clock ticks.
        after_name = Path(f"/proc/{first}/stat").read_text("utf-8").rpartition(")")[2]
        started = int(after_name.split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    return 0.0


def _memory_bytes(process: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text("utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _last_words(lab: Lab, host: LabHost) -> str:
    with suppress(OSError), (lab.folder(host) / "console.log").open("rb") as console:
        console.seek(-min(2000, os.fstat(console.fileno()).st_size), os.SEEK_END)
        return console.read().decode("utf-8", "replace").strip()
    return "nothing"
