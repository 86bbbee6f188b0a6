"""A throw-away PostgreSQL cluster, for what is restored only to be looked at.

It belongs to whoever runs this (to Debian's user postgres, when that is root, as which
PostgreSQL refuses to run), listens on a Unix socket in its own folder and nowhere else, and
writes without syncing: after a crash nobody wants it back.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import psycopg2

from backups.errors import ClusterError

PORT = 5432  # of the socket's name only
USER = "stillhere"
_START_SECONDS = 120
_STOP_SECONDS = 120
_INIT_SECONDS = 300
_DEBIAN = "/usr/lib/postgresql"
# Nobody comes in but those who may open the folder: it is 0700.
_THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "",
    "jit": "off",  # a hardened unit lets nobody make code
    "log_min_messages": "warning",
}


class _AsOwner(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(slots=True)
class ThrowAway:
    """A server of the files in `folder`/data; `settings` go before those in the files.

    `programs` is PostgreSQL's folder of programs.
    """

    folder: Path
    programs: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.folder / "data"

    def conninfo(self, database: str = "postgres", user: str = USER) -> str:
        """Return how libpq connects to one of its databases."""
        return f"host={self.folder} port={PORT} user={user} dbname={database}"

    def create(self) -> None:
        """Make a new cluster, UTF-8 and sorted by code points, with one superuser."""
        self.own(self.folder)
        command = [str(self.programs / "initdb"), f"--pgdata={self.data}", f"--username={USER}"]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        run(command, _INIT_SECONDS, "initdb")

    def start(self, seconds: float = _START_SECONDS) -> None:
        """Start the server and wait until it answers, as a standby does before it has replayed all.

        ClusterError with the end of its log when it does not.
        """
        settings = {
            **_THROW_AWAY,
            "unix_socket_directories": str(self.folder),
            "port": str(PORT),
            **self.settings,
        }
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_as_owner()
            )
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return
            time.sleep(0.05)
        self.stop()
        raise ClusterError(f"PostgreSQL does not start on what was restored: {self.last_words()}")

    def answers(self) -> bool:
        """Return whether the server takes connections."""
        try:
            psycopg2.connect(self.conninfo(), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True

    def last_words(self) -> str:
        """Return the last lines of the server's log, in one line."""
        try:
            lines = (self.folder / "log").read_text("utf-8", "replace").splitlines()
        except OSError:
            return "it has no log"
        return " / ".join(line.strip() for line in lines[-3:])

    def stop(self) -> None:
        """Stop the server; one that does not stop is killed."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(_STOP_SECONDS)
        self.process = None

    def own(self, *paths: Path) -> None:
        """Give files to the user as whom the server runs."""
        owner = _owner()
        if owner is None:
            return
        for path in paths:
            shutil.chown(path, owner.pw_uid, owner.pw_gid)


def clear_away(scratch: Path, pattern: str) -> None:
    """Delete the folders that a work which was cut off has left; servers there end first."""
    for left in scratch.glob(pattern):
        for folder in (left, *left.glob("*/")):
            _kill_left(folder)
        shutil.rmtree(left, ignore_errors=True)


def _kill_left(folder: Path) -> None:
    """End the server on the files in `folder`, if one was left there."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = (folder / "data" / "postmaster.pid").read_text("utf-8").splitlines()
        # The number may be another process's by now: only a server works in that folder.
        if Path(f"/proc/{int(lines[0])}/cwd").resolve() == (folder / "data").resolve():
            os.kill(int(lines[0]), signal.SIGQUIT)


def programs(wanted: Path | None, major: int) -> Path:
    """Return the folder of PostgreSQL's programs: `wanted`, or the oldest that is `major` at least.

    ClusterError when there is none.
    """
    if wanted:
        if not (wanted / "postgres").exists():
            raise ClusterError(f"There is no PostgreSQL in {wanted}; see drill.postgresql_bin.")
        return wanted
    found = {int(path.parent.name): path for path in Path(_DEBIAN).glob("*/bin") if _has_all(path)}
    enough = [version for version in found if version >= major]
    if not enough:
        raise ClusterError(f"PostgreSQL {major} is not installed here: postgresql-{major}.")
    return found[min(enough)]


def run(command: Sequence[str], seconds: float, what: str) -> None:
    """Run one of PostgreSQL's programs as the cluster's user. ClusterError when it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
            cwd="/", **_as_owner(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{what} has not ended within {seconds:.0f} s.") from None
    if done.returncode:
        words = " / ".join(done.stderr.decode("utf-8", "replace").split("\n")[-4:]).strip(" /")
        raise ClusterError(f"{what} failed: {words}")


def _has_all(folder: Path) -> bool:
    names = ("postgres", "initdb", "pg_restore")
    return folder.parent.name.isdecimal() and all((folder / name).exists() for name in names)


def _owner() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL has to run as, when that is somebody else."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        words = "PostgreSQL does not run as root, and there is no user postgres."
        raise ClusterError(words) from None


def _as_owner() -> _AsOwner:
    owner = _owner()
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
