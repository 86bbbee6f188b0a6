"""Databases with checks in them: a throw-away PostgreSQL, and files of SQLite.

PostgreSQL is set as `fab apply` sets it on a host with 8 GB, and is durable: fsync,
full_page_writes and synchronous_commit are on. Nothing but the pings is emptied between rows.
"""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psycopg2

from provisioning.postgresql_tuning import GB, tuning
from tests.bench.ping.fill import code
from tests.bench.ping.processes import BenchError, environment, python
from tests.bench.ping.spent import POSTGRESQL
from tests.postgresql import Cluster

FILL_SECONDS = 3_600


def settings_of_postgresql() -> tuple[str, ...]:
    """Return what the cluster is started with."""
    of_host = asdict(tuning(8 * GB, connections=30))
    memory = [
        f"{name.removesuffix('_mb')}={value}{'MB' if name.endswith('_mb') else ''}"
        for name, value in of_host.items()
    ]
    durable = ("fsync=on", "full_page_writes=on", "synchronous_commit=on", "wal_level=replica")
    disk = ("checkpoint_timeout=15min", "random_page_cost=1.1", "effective_io_concurrency=200")
    return (*memory, *durable, *disk, "jit=off")


class Database(Protocol):
    """Where pings end up."""

    @property
    def url(self) -> str:
        """Return the DATABASE_URL; empty for SQLite."""
        ...

    @property
    def roots(self) -> dict[str, int]:
        """Return its processes, by name."""
        ...

    @property
    def own(self) -> Collection[int]:
        """Return processes that work for the benchmark's counting alone."""
        ...

    def count(self) -> int:
        """Return how many pings stand in the table."""
        ...

    def clear(self) -> None:
        """Empty the table of pings."""
        ...

    def transactions(self) -> int:
        """Return how many transactions were committed so far; 0 when nobody counts."""
        ...


class Postgresql:
    """A database of the cluster, with a connection of its own for counting."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self.name = name
        self._connection: psycopg2.extensions.connection | None = None

    @property
    def url(self) -> str:
        return urlsplit(self._cluster.url)._replace(path=f"/{self.name}").geturl()

    @property
    def roots(self) -> dict[str, int]:
        return {POSTGRESQL: self._cluster.process.pid} if self._cluster.process else {}

    @property
    def own(self) -> Collection[int]:
        return [self._connected().info.backend_pid]

    def make(self, checks: int) -> None:
        """Create it with so many checks."""
        with closing(psycopg2.connect(self._cluster.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f'CREATE DATABASE "{self.name}"')
        _fill(checks, DATABASE_URL=self.url)

    def count(self) -> int:
        return self._ask("SELECT count(*) FROM pings_ping")

    def clear(self) -> None:
        with self._connected().cursor() as cursor:
            cursor.execute("TRUNCATE pings_ping RESTART IDENTITY")
            cursor.execute("VACUUM checks_check")

    def transactions(self) -> int:
        """Return the count that backends have reported; each does so at most once a second."""
        return self._ask(
            "SELECT xact_commit FROM pg_stat_database WHERE datname=current_database()"
        )

    def disconnect(self) -> None:
        """Let go of the cluster: it may be stopped."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, question: str) -> int:
        with self._connected().cursor() as cursor:
            cursor.execute(question)
            return int(cursor.fetchone()[0])  # type: ignore[index]

    def _connected(self) -> "psycopg2.extensions.connection":
        if self._connection is None:
            self._connection = psycopg2.connect(self.url)
            self._connection.autocommit = True
        return self._connection


class Sqlite:
    """A file in a service's data directory, copied from one that was made before."""

    url = ""
    own: Collection[int] = ()

    def __init__(self, template: Path) -> None:
        self._template = template
        self._file = template

    @property
    def roots(self) -> dict[str, int]:
        return {}

    def make(self, checks: int) -> None:
        """Create the file with so many checks."""
        _fill(checks, STILLHERE_DATA_DIR=str(self._template.parent))

    def copy_into(self, data_dir: Path) -> None:
        """Begin with a fresh file; the service is not running."""
        self._file = data_dir / self._template.name
        shutil.copyfile(self._template, self._file)

    def count(self) -> int:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=60)) as opened:
            return int(opened.execute("SELECT count(*) FROM pings_ping").fetchone()[0])

    def clear(self) -> None:
        if self.count():
            raise BenchError("A file of SQLite is not emptied: copy a fresh one.")

    def transactions(self) -> int:
        return 0


def _fill(checks: int, **settings: str) -> None:
    done = subprocess.run(
        python("-m", "tests.bench.ping.fill", str(checks)),
        env=environment(**settings), capture_output=True, text=True, check=False,
        timeout=FILL_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise BenchError(f"The checks could not be made:\n{done.stderr[-2_000:]}")


def codes(checks: int) -> list[str]:
    """Return the codes of all checks of a database."""
    return [str(code(number)) for number in range(checks)]


def wait_for_rows(
    database: Database, wanted: int, began: float, bound_seconds: float
) -> tuple[int, float]:
    """Wait until so many pings stand in the table; return how many do, and when it was seen.

    It counts seldom, by how far it is: a count reads the whole table.
    """
    give_up = time.monotonic() + bound_seconds
    while True:
        count, now = database.count(), time.monotonic()
        if count >= wanted or now >= give_up:
            return count, now
        rate = count / max(now - began, 0.001)
        left = (wanted - count) / rate if rate else 0.5
        time.sleep(min(max(left / 2, 0.02), 1.0))


def ledger(database: Database, answered: int, in_flight: int) -> list[str]:
    """Return what is wrong: all that was answered has to stand in the table, and no more.

    Requests that were under way when the load ended may stand there unanswered.
    """
    problems, count = [], settled(database)
    if count < answered:
        problems.append(f"{answered - count} of {answered} acknowledged pings are not applied")
    if count > answered + in_flight:
        problems.append(f"{count - answered - in_flight} pings too many are applied")
    return problems


def settled(database: Database) -> int:
    """Return how many pings stand in the table when no more come."""
    last = -1
    while (count := database.count()) != last:
        last = count
        time.sleep(0.5)
    return count
