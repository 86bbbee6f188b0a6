"""Bring a dump into an empty PostgreSQL database, and read what is in it then."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from backups import dump
from backups.counted import Found
from backups.errors import ClusterError, DamagedBackup

MOST_SECONDS = 12 * 3600
_LOOK_SECONDS = 1.0


def load(
    path: Path,
    conninfo: str,
    *,
    pg_restore: Path,
    keeps_owners: bool,
    told: Callable[[int], None],
) -> None:
    """Run pg_restore, which ends at the first error. `told` hears the database's size.

    DamagedBackup when it fails, ClusterError when it cannot be run or takes for ever.
    """
    command = [str(pg_restore), "--exit-on-error", "--no-password", f"--dbname={conninfo}"]
    command += [f"--jobs={max(1, min(os.cpu_count() or 1, 8))}"]
    command += [] if keeps_owners else ["--no-owner", "--no-privileges"]
    log = path.with_name("pg_restore.log")
    deadline = time.monotonic() + MOST_SECONDS
    with log.open("wb") as errors, _running([*command, str(path)], errors) as process:
        while (status := _status(process)) is None:
            if time.monotonic() > deadline:
                raise ClusterError(f"pg_restore has not ended within {MOST_SECONDS} s.")
            told(_size(conninfo))
    if status:
        words = " / ".join(log.read_text("utf-8", "replace").split("\n")[:4]).strip(" /")
        raise DamagedBackup(f"pg_restore failed: {words}")


def analyze(conninfo: str) -> None:
    """Let the planner know the tables: a dump brings no statistics."""
    with connected(conninfo) as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def content(conninfo: str, tables: Iterable[str]) -> Found:
    """Return what is there of those tables, which are named as in a manifest."""
    with dump.connected(conninfo) as connection:
        there = [table for table in tables if _is_there(connection, table)]
        counts, newest = dump.counted(connection, tuple(there)) if there else ({}, None)
    return Found({table: counts.get(table) for table in tables}, newest)


@contextlib.contextmanager
def connected(conninfo: str) -> Iterator[Any]:
    """Connect for statements of their own, without a transaction around them."""
    with contextlib.closing(psycopg2.connect(conninfo, connect_timeout=10)) as connection:
        connection.autocommit = True
        yield connection


@contextlib.contextmanager
def _running(command: list[str], errors: Any) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)
    except OSError as error:
        raise ClusterError(f"{command[0]} cannot be run: {error.strerror}.") from None
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _is_there(connection: Any, table: str) -> bool:
    name = sql.Identifier(*table.split(".")).as_string(connection)
    ((is_there,),) = dump.ask(
        connection, sql.SQL("SELECT to_regclass({}) IS NOT NULL").format(sql.Literal(name))
    )
    return bool(is_there)


def _status(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _size(conninfo: str) -> int:
    """Return the bytes of the database; 0 when it does not say."""
    try:
        with connected(conninfo) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int((cursor.fetchone() or (0,))[0])
    except psycopg2.Error:
        return 0
