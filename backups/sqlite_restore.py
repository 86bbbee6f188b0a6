"""Restore a SQLite file: under another name beside it, checked, then renamed into its place.

PATH_restoring      what is being restored
PATH                until the last step the database as it was
PATH_before_ID      what it was before: another link to the same file, made first
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from backups import counted, disk, sqlite
from backups.bringing import brought, refuse_to_replace
from backups.counted import Found
from backups.disk import Need
from backups.errors import DamagedBackup, RestoreRefused
from backups.manifest import Manifest
from backups.parcel import Parcel
from backups.parts import Parts

_LOGS = ("-wal", "-journal")

Counts = Mapping[str, int | None]


def restore(
    parcel: Parcel, path: Path, authority: Path | None, replace: str | None, parts: Parts
) -> tuple[str | None, Counts]:
    """Restore into the file `path`; return the name that the old one has, and the counts.

    Nobody may have the old file open: RestoreRefused. `replace` is as in `restore.restore`.
    """
    manifest = parcel.parsed()
    refuse_to_replace(path.name, tables(path), replace)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk.demand([Need(path.parent, manifest.plain.bytes, "the database")])
    new = path.with_name(f"{path.name}_restoring")
    forget(new)
    try:
        brought(parcel, new, authority, parts)
        with parts.timed("count"):
            found = content(new, manifest)
            counted.demand(manifest, found)
        with parts.timed("take the name"):
            kept = _take_name(new, path, manifest.id)
    except BaseException:
        forget(new)
        raise
    return kept, found.counts


def content(path: Path, manifest: Manifest) -> Found:
    """Return what a restored file has; DamagedBackup unless it is whole."""
    try:
        with _opened(path) as connection:
            ((said,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if said != "ok":
                raise DamagedBackup(f"{manifest.id}: SQLite says: {said}")
            return _content(connection, manifest.counts)
    except sqlite3.DatabaseError as error:
        raise DamagedBackup(f"{manifest.id}: SQLite says: {error}") from None


def tables(path: Path) -> int:
    """Return how many tables a file has; 0 when it is not there, or is no database."""
    if not path.exists():
        return 0
    with contextlib.suppress(sqlite3.DatabaseError), _opened(path) as connection:
        ask = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
        return int(connection.execute(ask).fetchone()[0])
    return 1  # whatever it is: it is not ours to overwrite


def forget(path: Path) -> None:
    """Delete a file and what SQLite has beside it."""
    for name in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


def _take_name(new: Path, path: Path, backup: str) -> str | None:
    kept = None
    with _alone(path):
        if path.exists():
            kept = _kept_name(path, backup)
            with contextlib.suppress(FileExistsError):
                os.link(path, path.with_name(kept))
            was = path.stat()
            new.chmod(was.st_mode & 0o777)
            if os.geteuid() == 0:
                os.chown(new, was.st_uid, was.st_gid)
        _put_aside(path, kept or _kept_name(path, backup))
        new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return kept


def _put_aside(path: Path, name: str) -> None:
    """Keep the log of a file that is gone, or is no database: SQLite would apply it to ours."""
    for end in _LOGS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(path.with_name(name + end))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Have all of the old database in its one file, and hold it; RestoreRefused when it is in use.

    SQLite leaves write-ahead logging only when nobody else is connected.
    """
    if not path.exists():
        yield
        return
    with _opened(path) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            words = f"{path} is in use. Stop who uses it, and restore again"
            raise RestoreRefused(f"{words}. Nothing was changed.") from None
        except sqlite3.DatabaseError:
            pass  # it is no database: it is kept as it is
        yield


def _kept_name(path: Path, backup: str) -> str:
    """Return a name for the old file that no other file has: a backup may be restored twice."""
    name, count = f"{path.name}_before_{backup}", 1
    while _is_taken(path, name):
        count += 1
        name = f"{path.name}_before_{backup}_{count}"
    return name


def _is_taken(path: Path, name: str) -> bool:
    other = path.with_name(name)
    if other.exists():
        return not (path.exists() and other.samefile(path))  # the link of a try that was cut off
    return any(path.with_name(name + end).exists() for end in _LOGS)


def _content(connection: sqlite3.Connection, tables: Iterable[str]) -> Found:
    has = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    there = tuple(table for table in tables if table in has)
    counts, newest = sqlite.counted(connection, there) if there else ({}, None)
    return Found({table: counts.get(table) for table in tables}, newest)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        yield connection
