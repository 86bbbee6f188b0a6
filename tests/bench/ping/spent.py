"""CPU time and memory by process: this is where /proc is read.

A process has a name when it was started as one ("receiver"); its descendants belong to it.
Those of PostgreSQL are told apart: backends work for clients, the rest in the background.
What a process that has ended had spent is in its parent's time, if the parent waited for it.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

POSTGRESQL = "postgresql"
BACKENDS, BACKGROUND = "postgresql backends", "postgresql background"
_TICKS = os.sysconf("SC_CLK_TCK")
_BACKEND = b"postgres: stillhere "


@dataclass(frozen=True, slots=True)
class Stat:
    """A line of /proc/PID/stat. `reaped_seconds` were spent by children that have ended."""

    pid: int
    parent: int
    seconds: float
    reaped_seconds: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (10^6 bytes). PSS shares what several processes map among them."""

    rss_mb: float
    pss_mb: float


def parse_stat(line: str, ticks: int = _TICKS) -> Stat:
    """Return what a line of /proc/PID/stat says; a command's name may have anything in it."""
    fields = line[line.rindex(")") + 2 :].split()
    user, system, reaped_user, reaped_system = map(int, fields[11:15])
    return Stat(
        int(line.split(" ", 1)[0]),
        int(fields[1]),
        (user + system) / ticks,
        (reaped_user + reaped_system) / ticks,
    )


def tally(
    stats: Iterable[Stat],
    roots: Mapping[str, int],
    commands: Mapping[int, bytes],
    without: Collection[int] = (),
) -> dict[str, float]:
    """Return CPU seconds by name, since each process began.

    `commands` are the command lines of PostgreSQL's processes. `without` are processes that
    are not counted: our own connection that counts rows.
    """
    found: defaultdict[str, float] = defaultdict(float)
    names = _named(stats := list(stats), roots)
    for stat in stats:
        name = names.get(stat.pid)
        if name is None or stat.pid in without:
            continue
        if name != POSTGRESQL:
            found[name] += stat.seconds + stat.reaped_seconds
            continue
        is_backend = commands.get(stat.pid, b"").startswith(_BACKEND)
        found[BACKENDS if is_backend else BACKGROUND] += stat.seconds
        found[BACKENDS] += stat.reaped_seconds  # the postmaster's: connections that were closed
    return dict(found)


def _named(stats: list[Stat], roots: Mapping[str, int]) -> dict[int, str]:
    """Return the name of every process that is a root or descends from one."""
    parents = {stat.pid: stat.parent for stat in stats}
    by_pid = {pid: name for name, pid in roots.items()}
    names = {}
    for stat in stats:
        pid, seen = stat.pid, set[int]()
        while pid and pid not in by_pid and pid not in seen:
            seen.add(pid)
            pid = parents.get(pid, 0)
        if pid in by_pid:
            names[stat.pid] = by_pid[pid]
    return names


def spent(roots: Mapping[str, int], without: Collection[int] = ()) -> dict[str, float]:
    """Return the CPU seconds that each named process and its descendants have spent so far."""
    stats = [parse_stat(line) for line in _read_all("stat")]
    postgresql = roots.get(POSTGRESQL)
    commands = {
        stat.pid: _read(stat.pid, "cmdline").encode() for stat in stats if stat.parent == postgresql
    }
    return tally(stats, roots, commands, without)


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what was spent between two readings."""
    return {name: max(after[name] - before.get(name, 0.0), 0.0) for name in after}


def memory(roots: Mapping[str, int]) -> dict[str, Memory]:
    """Return the memory of each named process with its descendants, now."""
    names = _named([parse_stat(line) for line in _read_all("stat")], roots)
    rss: Counter[str] = Counter()
    pss: Counter[str] = Counter()
    for pid, name in names.items():
        for line in _read(pid, "smaps_rollup").splitlines():
            kind, _, rest = line.partition(":")
            if kind in ("Rss", "Pss"):
                (rss if kind == "Rss" else pss)[name] += int(rest.split()[0]) * 1024
    return {name: Memory(rss[name] / 1e6, pss[name] / 1e6) for name in roots}


def _read_all(name: str) -> list[str]:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208
    return [text for pid in pids if (text := _read(pid, name))]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace")
    except OSError:  # it has ended
        return ""
