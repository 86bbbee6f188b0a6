"""What is on the machine: this is where a lab's remains would be found."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ops.lab import cgroups
from ops.lab.machine import run
from ops.lab.plan import Lab

_SETTLED_WITHIN_SECONDS = 5.0


def census(lab: Lab) -> frozenset[str]:
    """Return a line for each thing on the machine that other labs do not account for."""
    others = re.compile(rf"stillhere-(?!{lab.prefix}\b|lab\b/)\w+|/\.?lab-(?!{lab.prefix}\b)\w+")
    everything = (line for look in _LOOKS for line in look(lab))
    return frozenset(line for line in everything if not others.search(line))


def new_since(before: frozenset[str], lab: Lab) -> list[str]:
    """Return what was not there before, after the kernel had time to let go."""
    deadline = time.monotonic() + _SETTLED_WITHIN_SECONDS
    while (new := census(lab) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return sorted(new)


def _links(lab: Lab) -> Iterator[str]:
    for name in (path.name for path in Path("/sys/class/net").iterdir()):
        if not name.endswith("-mgmt") or name == lab.management:
            yield f"link {name}"


def _routes(lab: Lab) -> Iterator[str]:
    for family in ("-4", "-6"):
        for line in run(["ip", family, "route", "show", "table", "all"]).stdout.splitlines():
            if "-mgmt" not in line or lab.management in line:
                yield f"route {line}"


def _mounts(lab: Lab) -> Iterator[str]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        # iproute2's own mount, which comes with the first namespace of anybody.
        if line.split()[1] != "/run/netns":
            yield f"mount {line}"


def _rules(lab: Lab) -> Iterator[str]:
    for line in run(["nft", "list", "tables"]).stdout.splitlines():
        yield f"nft {line}"


def _files(lab: Lab) -> Iterator[str]:
    places = ["/run/netns", "/run/systemd/nspawn", "/run/user", str(lab.directory)]
    places += [str(lab.directory / "images"), "/var/lock", "/run/lock"]
    for place in places:
        with suppress(OSError):
            yield from (f"file {path}" for path in Path(place).iterdir())


def _cgroups(lab: Lab) -> Iterator[str]:
    top = cgroups.top(lab).parent
    for found in top.glob("stillhere-*"):
        # Another lab may be at work; os.walk passes over what goes while it looks.
        yield from (f"cgroup {folder}" for folder, _, _ in os.walk(found))


def _processes(lab: Lab) -> Iterator[str]:
    """Return what runs in other namespaces than we, in a lab's cgroup, or on the lab's files."""
    own = _identity(Path("/proc/self"))
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_text(errors="replace").replace("\0", " ")
            group = (process / "cgroup").read_text().splitlines()[-1]
            is_named = "stillhere-" in group or str(lab.home) in command
            if command and (is_named or _identity(process) != own):
                yield f"process {process.name} {group} {command}"


def _identity(process: Path) -> tuple[str, ...]:
    return tuple(str((process / "ns" / kind).readlink()) for kind in ("mnt", "net"))


def _sockets(lab: Lab) -> Iterator[str]:
    for line in Path("/proc/net/unix").read_text().splitlines():
        if "@stillhere-" in line:
            yield f"socket {line.split()[-1]}"


_LOOKS: tuple[Callable[[Lab], Iterator[str]], ...] = (
    _links,
    _routes,
    _mounts,
    _rules,
    _files,
    _cgroups,
    _processes,
    _sockets,
)
