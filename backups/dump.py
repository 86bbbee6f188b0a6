"""Dump a PostgreSQL database: pg_dump, and counts of the same snapshot.

The snapshot is exported by our own connection, whose transaction stays open until the
rows are counted: what the manifest says is what the dump has, while others write.
"""

import contextlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from backups.errors import SettingsError, SourceError
from backups.manifest import Database, Versions
from backups.settings import Source
from backups.taking import Content, Facts, Output

PINGS = "pings_ping"
_CONNECT_SECONDS = 10
_LOCK_MILLISECONDS = 60_000

# A standby's own timeline is that of its last restartpoint or, after a promotion that it
# has followed and not yet checkpointed, of what it has to replay at least.
_STANDBY = """
SELECT pg_last_wal_replay_lsn()::text,
       greatest(timeline_id, (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
FROM pg_control_checkpoint()
"""
_PRIMARY = """
SELECT pg_current_wal_lsn()::text,
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
"""
_DATABASE = """
SELECT current_setting('server_version'), pg_is_in_recovery(), current_database(),
       pg_database_size(current_database()),
       (SELECT system_identifier::text FROM pg_control_system())
"""
# A base backup streams, too.
_STANDBYS = """
SELECT count(*)
FROM pg_stat_replication
WHERE state = 'streaming'
  AND application_name NOT IN ('pg_basebackup', 'pg_receivewal')
"""
_TABLES = """
SELECT tablename
FROM pg_tables
WHERE schemaname = 'public'
ORDER BY tablename
"""


class Dump:
    """A dump under way."""

    is_compressed = True

    def __init__(self, source: Source, connection: Any) -> None:
        self._source = source
        self._connection = connection
        self._output: Output | None = None
        with asking():
            self.facts = facts(connection)

    def stream(self) -> Output:
        """Start pg_dump on our snapshot."""
        with asking():
            ((snapshot,),) = ask(self._connection, "SELECT pg_export_snapshot()")
        self._output = Output([
            "pg_dump", "--format=custom", "--no-password", f"--snapshot={snapshot}",
            f"--lock-wait-timeout={_LOCK_MILLISECONDS}", f"--dbname={self._source.conninfo}",
        ])  # fmt: skip
        return self._output

    def finish(self) -> Content:
        """Return the rows of the snapshot, when pg_dump is content."""
        assert self._output is not None
        self._output.finish()
        with asking():
            return Content(*counted(self._connection, self._source.tables))

    def close(self) -> None:
        """End pg_dump and the snapshot."""
        if self._output is not None:
            self._output.close()
        with suppress(psycopg2.Error):
            self._connection.close()


@contextlib.contextmanager
def dumping(source: Source) -> Iterator[Dump]:
    """Connect, and return a dump that can be streamed. SourceError says what is in the way."""
    with connected(source.conninfo) as connection:
        dump = Dump(source, connection)
        try:
            yield dump
        finally:
            dump.close()


@contextlib.contextmanager
def connected(conninfo: str) -> Iterator[Any]:
    """Return a connection in one read-only snapshot, however long it takes."""
    with asking():
        if "password" in psycopg2.extensions.parse_dsn(conninfo):
            # pg_dump gets it as an argument, which everybody on the host can read.
            raise SettingsError("source.conninfo has a password: put it into a passfile.")
        connection = psycopg2.connect(
            conninfo, connect_timeout=_CONNECT_SECONDS, application_name="stillhere-backup"
        )
    try:
        with asking():
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            # Long work is what this is for.
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                ask(connection, f"SELECT set_config('{name}', '0', false)")
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """Turn what psycopg2 raises into our own error."""
    try:
        yield
    except psycopg2.Error as error:
        words = str(error).strip().partition("\n")[0]
        raise SourceError(f"The database cannot be read: {words}") from None


def ask(connection: Any, question: str | sql.Composed) -> list[tuple[Any, ...]]:
    """Return the rows of an answer."""
    with connection.cursor() as cursor:
        cursor.execute(question)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def counted(connection: Any, tables: tuple[str, ...]) -> tuple[dict[str, int], datetime | None]:
    """Return the rows of the tables (none named: all of schema public), and the newest ping."""
    there = {name for (name,) in ask(connection, _TABLES)}
    counts = {}
    for table in tables or sorted(there):
        question = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
        ((counts[table],),) = ask(connection, question)
    newest = None
    if PINGS in there:
        ((newest,),) = ask(connection, f"SELECT max(received_at) FROM public.{PINGS}")  # noqa: S608
    return counts, newest and newest.astimezone(UTC)


def facts(connection: Any) -> Facts:
    """Return what is known of a database, and whether its standby could be asked instead."""
    ((version, is_standby, name, size, system),) = ask(connection, _DATABASE)
    ((lsn, timeline),) = ask(connection, _STANDBY if is_standby else _PRIMARY)
    ((standbys,),) = ask(connection, _STANDBYS)
    database = Database(name, size, system, timeline, lsn or "")
    versions = Versions(server=version, dump=Output.version(["pg_dump", "--version"]))
    taken_from = "standby" if is_standby else "primary"
    has_standby = standbys > 0 and not is_standby
    return Facts("postgresql", versions, database, taken_from, has_standby)
