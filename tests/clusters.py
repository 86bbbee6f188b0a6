"""A primary and its asynchronous standby, to be lagged, killed, promoted and cut in tests.

    with running_pair() as pair:
        pair.lag()                  the standby hears no more; what follows is only on the primary
        pair.primary.kill()         -9, every process of it
        pair.promote()              the standby becomes the primary, on a new timeline

Both listen on Unix sockets in their own directories. Files are not synced: kill -9 takes
nothing from the kernel's memory, and a power cut is not what is tested here.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg2

from tests.postgresql import PORT, Cluster, owner, program, run

SLOT = "standby"
_SETTINGS = ("fsync=off", "full_page_writes=off", "wal_level=replica", "hot_standby=on")
PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Node(Cluster):
    """One of the two servers."""

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        if self.process is None:
            return
        postmaster = psutil.Process(self.process.pid)
        children = postmaster.children(recursive=True)
        postmaster.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
        self.process.wait(PATIENCE_SECONDS)
        self.process = None

    def pause(self) -> None:
        """Let the server accept connections and answer nothing, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal(signal.SIGCONT)

    def ask(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask on a connection of its own, outside any transaction; return the rows."""
        with contextlib.closing(psycopg2.connect(self.url)) as raw:
            raw.autocommit = True
            with raw.cursor() as cursor:
                cursor.execute(question, values or None)
                return cursor.fetchall() if cursor.description else []

    @property
    def data(self) -> Path:
        """Return the directory of the server's files."""
        return self.directory / "data"

    def _signal(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        postmaster = psutil.Process(self.process.pid)
        for process in (*postmaster.children(recursive=True), postmaster):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@dataclass(slots=True)
class Pair:
    """Two servers. `primary` and `standby` say what they were in the beginning."""

    primary: Node
    standby: Node

    @property
    def url(self) -> str:
        """Return the DATABASE_URL that names both, the first primary first."""
        hosts = ",".join(
            quote(str(node.directory), safe="") for node in (self.primary, self.standby)
        )
        return (
            f"postgresql://stillhere@/stillhere?host={hosts}"
            "&target_session_attrs=read-write&connect_timeout=2"
        )

    def start(self) -> None:
        """Make the primary, copy it into a standby, and wait until that one streams."""
        self.primary.create()
        self.primary.start()
        self.primary.ask("SELECT pg_create_physical_replication_slot(%s)", SLOT)
        self.follow(self.primary, self.standby)

    def follow(self, leader: Node, follower: Node) -> None:
        """Make `follower` anew as the standby of `leader`; its slot has to exist there."""
        shutil.rmtree(follower.data, ignore_errors=True)
        place = ("-h", str(leader.directory), "-p", str(PORT), "-U", "stillhere")
        how = ("--checkpoint=fast", "--no-sync", "--wal-method=stream")
        run(["pg_basebackup", *place, *how, f"--pgdata={follower.data}"])
        (follower.data / "standby.signal").touch()
        shutil.chown(follower.data / "standby.signal", *owner())
        with (follower.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_slot_name = '{SLOT}'\n{_hears(leader)}\n")
        follower.start()
        self.catch_up(leader, follower)

    def catch_up(self, leader: Node | None = None, follower: Node | None = None) -> None:
        """Wait until the standby has replayed all that the primary has written by now."""
        leader, follower = leader or self.primary, follower or self.standby
        ((lsn,),) = leader.ask("SELECT pg_current_wal_lsn()::text")
        reached = "SELECT coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)"
        _wait(lambda: follower.ask(reached, lsn) == [(True,)], "the standby to catch up")

    def lag(self) -> None:
        """Let the standby hear nothing more: it lacks every later transaction."""
        self._hear(None)

    def hear_again(self) -> None:
        """Let a lagging standby stream again."""
        self._hear(self.primary)

    def promote(self) -> None:
        """Make the standby a primary, whatever the other one does; return when it writes."""
        self.standby.ask("SELECT pg_promote(true, %s)", PATIENCE_SECONDS)
        writes = "SELECT NOT pg_is_in_recovery()"
        _wait(lambda: self.standby.ask(writes) == [(True,)], "the standby to be promoted")

    def close(self) -> None:
        """End both and delete their files."""
        for node in (self.primary, self.standby):
            with contextlib.suppress(psutil.NoSuchProcess):
                node.resume()
            node.kill()
            shutil.rmtree(node.directory, ignore_errors=True)

    def _hear(self, leader: Node | None) -> None:
        self.standby.ask(f"ALTER SYSTEM SET {_hears(leader)}")
        self.standby.ask("SELECT pg_reload_conf()")
        streams = "SELECT count(*) FROM pg_stat_wal_receiver"
        wanted = 0 if leader is None else 1
        _wait(lambda: self.standby.ask(streams) == [(wanted,)], "the standby to listen or not")


def _hears(leader: Node | None) -> str:
    """Return the setting of whom a standby listens to: the leader, or nobody."""
    where = f"host={leader.directory} port={PORT} user=stillhere" if leader else ""
    return f"primary_conninfo = '{where}'"


@contextlib.contextmanager
def running_pair(*settings: str) -> Iterator[Pair]:
    """Run a primary and its standby; `settings` are the primary's, as in `name=value`."""
    nodes = [
        Node(Path(tempfile.mkdtemp(prefix=f"stillhere-{name}-")), (*_SETTINGS, *settings))
        for name in ("primary", "standby")
    ]
    pair = Pair(*nodes)
    try:
        shutil.chown(pair.standby.directory, *owner())
        pair.start()
        yield pair
    finally:
        pair.close()


@contextlib.contextmanager
def running_node(*settings: str) -> Iterator[Node]:
    """Run one more server: a cluster of its own, with another system identifier."""
    node = Node(Path(tempfile.mkdtemp(prefix="stillhere-other-")), (*_SETTINGS, *settings))
    try:
        node.create()
        node.start()
        yield node
    finally:
        node.kill()
        shutil.rmtree(node.directory, ignore_errors=True)


def dump(node: Node) -> bytes:
    """Return a dump of the node's database, as SQL."""
    return _client(node, "pg_dump", "stillhere")


def restore(node: Node, dumped: bytes) -> None:
    """Bring a dump into the node's database, which has to be empty."""
    _client(node, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "stillhere", given=dumped)


def _client(node: Node, name: str, *arguments: str, given: bytes = b"") -> bytes:
    place = ("-h", str(node.directory), "-p", str(PORT), "-U", "stillhere")
    command = [str(program(name)), *place, *arguments]
    return subprocess.run(command, check=True, input=given, stdout=subprocess.PIPE).stdout


def _wait(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg2.OperationalError):
            if is_so():
                return
        time.sleep(0.05)
    raise AssertionError(f"waited for {what} in vain")
