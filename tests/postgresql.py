"""Throw-away PostgreSQL clusters, from Debian's packages.

    python -m tests.postgresql COMMAND...   runs it with DATABASE_URL of a new cluster

A cluster listens on a Unix socket in its own directory and on nothing else.
PostgreSQL refuses to run as root; then it runs as Debian's user postgres.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PORT = 5432  # of the socket's name only
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class ClusterError(Exception):
    """PostgreSQL is missing or does not start; says what to do."""


@dataclass(slots=True)
class Cluster:
    """A cluster with an empty database, in a directory that belongs to it."""

    directory: Path
    settings: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the DATABASE_URL of its database."""
        return f"postgresql://stillhere@/stillhere?host={quote(str(self.directory), safe='')}"

    @property
    def socket(self) -> Path:
        """Return the path of the socket on which it listens."""
        return self.directory / f".s.PGSQL.{PORT}"

    def create(self) -> None:
        """Make the files of the cluster."""
        os.chown(self.directory, *owner())
        encoding = ("--encoding=UTF8", "--locale=C.UTF-8")
        who = ("--auth=trust", "--username=stillhere")
        run(["initdb", *who, *encoding, "--no-sync", f"--pgdata={self._data}"])

    def start(self) -> None:
        """Start the server and make its database when it is not there yet."""
        settings = (
            *self.settings,
            "listen_addresses=",
            f"unix_socket_directories={self.directory}",
        )
        command = [str(program("postgres")), "-D", str(self._data), "-p", str(PORT)]
        for setting in settings:
            command += ["-c", setting]
        uid, gid = owner()
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, user=uid, group=gid, extra_groups=[]
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server; SIGINT ends its sessions, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            if self._has_database():
                return
            time.sleep(0.05)
        raise ClusterError(f"PostgreSQL did not start:\n{(self.directory / 'log').read_text()}")

    def _has_database(self) -> bool:
        psql = [str(program("psql")), "-XAtq", "-h", str(self.directory), "-U", "stillhere"]
        ask = "SELECT count(*) FROM pg_database WHERE datname = 'stillhere'"
        answer = subprocess.run([*psql, "-c", ask, "postgres"], capture_output=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == b"0":
            create = [*psql, "-c", "CREATE DATABASE stillhere", "postgres"]
            answer = subprocess.run(create, capture_output=True, check=False)
        return answer.returncode == 0


@contextlib.contextmanager
def running_cluster(*settings: str, is_durable: bool = True) -> Iterator[Cluster]:
    """Run a cluster. Not durable is faster and loses data in a crash."""
    directory = Path(tempfile.mkdtemp(prefix="stillhere-pg-"))
    cluster = Cluster(directory, (*settings, *(() if is_durable else _QUICK)))
    try:
        cluster.create()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


def program(name: str) -> Path:
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: int(path.parts[4]), default=None)
    if newest is None:
        raise ClusterError("PostgreSQL is not installed. As root, `make setup` installs it.")
    return newest


def owner() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    postgres = pwd.getpwnam("postgres")
    return postgres.pw_uid, postgres.pw_gid


def run(command: Sequence[str]) -> None:
    uid, gid = owner()
    done = subprocess.run(
        [str(program(command[0])), *command[1:]],
        user=uid,
        group=gid,
        extra_groups=[],
        capture_output=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        raise ClusterError(f"{command[0]} failed: {done.stderr.decode()}")


def _main(command: Sequence[str]) -> int:
    with running_cluster(is_durable=False) as cluster:
        environment = os.environ | {"DATABASE_URL": cluster.url}
        with subprocess.Popen(command, env=environment) as process:
            # Ctrl-C reaches both of us; the cluster has to outlive the command.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(_main(sys.argv[1:]))
    except ClusterError as error:
        sys.exit(str(error))
