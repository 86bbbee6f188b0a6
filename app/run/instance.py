"""One instance for a data directory: this is where a living one is told from remains.

Two locks in RUN_DIR. `supervisor.lock` is held by the supervisor alone: as long
as somebody holds it, the service runs. `processes.lock` is inherited by every
process of the service (one open file, one lock), so it becomes free only when
the last of them is gone. Locks end with their holders, also after kill -9;
nothing here believes a pid that it read in a file.
"""

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

# The supervisor library closes descriptors 3 to 63 in its children (programs.py).
INHERITED_FROM = 64


@dataclass(frozen=True, slots=True)
class Running:
    """The instance that holds the data directory, as it describes itself."""

    description: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The data directory is ours until this process and all its children are gone."""

    supervisor_lock: int
    processes_lock: int


def claim(run_dir: Path, description: str, patience_seconds: float = 5) -> Claim | Running:
    """Take the data directory, waiting for the remains of a killed instance to end.

    Remains are being killed by the kernel; should one not die in time, we go on:
    each process has a lock of its own on what it may not share.
    """
    path = run_dir / "supervisor.lock"
    supervisor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not _lock(supervisor):
        os.close(supervisor)
        return Running(path.read_text("utf-8").strip())
    os.ftruncate(supervisor, 0)
    os.pwrite(supervisor, description.encode(), 0)
    return Claim(supervisor, _processes_lock(run_dir / "processes.lock", patience_seconds))


def _processes_lock(path: Path, patience_seconds: float) -> int:
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    # F_DUPFD makes it inheritable, and keeps it out of the range that is closed.
    inherited = fcntl.fcntl(opened, fcntl.F_DUPFD, INHERITED_FROM)
    os.close(opened)
    deadline = time.monotonic() + patience_seconds
    while not _lock(inherited) and time.monotonic() < deadline:
        time.sleep(0.05)
    return inherited


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
