"""Back up an SQLite file while others write to it: the online backup API, then a stream.

The copy is one consistent state, as of one moment. It is made in the scratch directory
(the disk is looked at first), checked, counted, streamed and deleted.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from backups.errors import SourceError
from backups.manifest import Database, Versions
from backups.progress import size
from backups.taking import Content, Facts

PINGS = "pings_ping"
_BUSY_SECONDS = 60
_MARGIN_BYTES = 64 * 2**20


class Copy:
    """A copy of the file, to be streamed."""

    is_compressed = False

    def __init__(self, path: Path, copy: Path, tables: tuple[str, ...]) -> None:
        version = sqlite3.sqlite_version
        database = Database(path.name, copy.stat().st_size)
        self.facts = Facts("sqlite", Versions(version, version), database, "file")
        with reading(copy) as connection:
            self._content = Content(*counted(connection, tables))
        self._file: BinaryIO = copy.open("rb", buffering=0)

    def stream(self) -> BinaryIO:
        """Return the copy's bytes."""
        return self._file

    def finish(self) -> Content:
        """Return the rows that are in the copy."""
        return self._content

    def close(self) -> None:
        """Leave the copy alone."""
        self._file.close()


@contextlib.contextmanager
def copying(path: Path, tables: tuple[str, ...], scratch: Path) -> Iterator[Copy]:
    """Copy the file and return the copy; it is deleted at the end.

    What a run that was killed has left goes first: whoever calls holds the lock.
    """
    for left in scratch.glob("copy-*.sqlite3*"):
        left.unlink()
    if not path.is_file():
        raise SourceError(f"There is no SQLite file {path}.")
    needed, free = _size(path) + _MARGIN_BYTES, shutil.disk_usage(scratch).free
    if free < needed:
        raise SourceError(f"{scratch} has {size(free)} free, and the copy needs {size(needed)}.")
    descriptor, name = tempfile.mkstemp(prefix="copy-", suffix=".sqlite3", dir=scratch)
    os.close(descriptor)
    try:
        _copy(path, Path(name))
        copy = Copy(path, Path(name), tables)
        try:
            yield copy
        finally:
            copy.close()
    except sqlite3.Error as error:
        raise SourceError(f"{path} cannot be copied: {error}.") from None
    finally:
        for left in Path(name).parent.glob(Path(name).name + "*"):
            left.unlink()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that nobody writes to; it is not changed."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as one:
        yield one


def counted(
    connection: sqlite3.Connection, tables: tuple[str, ...]
) -> tuple[dict[str, int], datetime | None]:
    """Return the rows of the tables (none named: all), and the newest ping."""
    all_tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    there = sorted(name for (name,) in connection.execute(all_tables))
    counts = {}
    for table in tables or there:
        quoted = table.replace('"', '""')
        (counts[table],) = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608
    newest = None
    if PINGS in there:
        (newest,) = connection.execute(f"SELECT max(received_at) FROM {PINGS}").fetchone()  # noqa: S608
    return counts, newest and datetime.fromisoformat(newest).replace(tzinfo=UTC)


def _copy(path: Path, copy: Path) -> None:
    """Copy in one step: in several, every write of somebody else would begin it anew."""
    with (
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
        (said,) = target.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise SourceError(f"{path} is damaged: {said}")


def _size(path: Path) -> int:
    """Return the bytes of the file with its log."""
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
