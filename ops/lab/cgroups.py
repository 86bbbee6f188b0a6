"""Everything a lab runs is in its cgroup: this is where processes enter it and are ended.

A process enters before it becomes what it is to be. When the cgroup is gone
(the lab went down meanwhile) it cannot enter, and ends: nothing gets away.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ops.errors import LabError
from ops.lab.machine import ENVIRONMENT
from ops.lab.plan import Lab

_GONE_WITHIN_SECONDS = 20.0


def top(lab: Lab) -> Path:
    """Return the cgroup of the whole lab. LabError: the machine has no cgroup2."""
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place) / lab.tag
    raise LabError("No cgroup2 is mounted here, and the lab ends its hosts by it.")


def made(lab: Lab, name: str) -> Path:
    """Return the lab's cgroup of that name, which is there now."""
    cgroup = top(lab) / name
    cgroup.mkdir(parents=True, exist_ok=True)
    return cgroup


def inside(cgroup: Path, command: Sequence[str]) -> list[str]:
    """Return the command that does the same as a member of the cgroup."""
    enter = 'echo 0 >"$0" && exec "$@"'
    return ["sh", "-c", enter, str(cgroup / "cgroup.procs"), *command]


def launch(cgroup: Path, command: Sequence[str], log: Path) -> None:
    """Start a program in the cgroup that outlives us and our terminal; it is in when we return."""
    with log.open("ab") as output:
        subprocess.run(
            inside(cgroup, ["setsid", "--fork", *command]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            timeout=10,
            check=True,
        )


def members(cgroup: Path) -> list[int]:
    """Return the processes in it and below it."""
    found: list[int] = []
    for directory in _tree(cgroup):
        with suppress(OSError):
            found += [int(line) for line in (directory / "cgroup.procs").read_text().split()]
    return found


def end(cgroup: Path) -> bool:
    """Kill every process in it at once, and remove it. Say whether it was there."""
    if not cgroup.exists():
        return False
    deadline = time.monotonic() + _GONE_WITHIN_SECONDS
    while cgroup.exists():
        with suppress(OSError):
            (cgroup / "cgroup.kill").write_text("1")
        for directory in reversed(list(_tree(cgroup))):
            with suppress(OSError):
                directory.rmdir()
        if time.monotonic() > deadline:
            raise LabError(f"{cgroup} still has processes {members(cgroup)} that do not die.")
        time.sleep(0.01)
    return True


def _tree(cgroup: Path) -> Iterator[Path]:
    """Return it and all below it, parents first; what vanishes meanwhile is left out."""
    yield cgroup
    with suppress(OSError):
        for child in [entry for entry in cgroup.iterdir() if entry.is_dir()]:
            yield from _tree(child)
