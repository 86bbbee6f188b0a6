"""An SQLite installation: one consistent state, while others write to it."""

import contextlib
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups import sqlite
from backups.commands.run import taking
from backups.errors import SourceError
from backups.layout import Kind
from backups.manifest import Manifest
from backups.run import back_up
from backups.settings import Settings, Source
from tests.backups.keys import key_pair
from tests.backups.places import settings_for
from tests.s3 import KEEPER, Bucket, running_server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a file as the application has it: WAL, rows on both sides of each write."""
    path = tmp_path / "stillhere.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE one (n int)")
        connection.execute("CREATE TABLE other (n int)")
        connection.execute("CREATE TABLE pings_ping (received_at text)")
        connection.execute("INSERT INTO pings_ping VALUES ('2026-11-22 01:02:03.500000')")
        connection.commit()
    return path


@pytest.fixture
def settings(path: Path, tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "scratch", Source(kind="sqlite", path=path))


def run(settings: Settings) -> Manifest:
    manifest = back_up(settings, Kind.DUMP, lambda: taking(settings))
    assert manifest is not None
    return manifest


def restored(settings: Settings, manifest: Manifest, to: Path) -> Path:
    store = Bucket(running_server(), settings.store.bucket).store(KEEPER)
    to.write_bytes(key_pair("drill").decrypt(store.read(manifest.object.key, 2**26)))
    return to


def count(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(rows)


def test_a_backup_beside_a_writer_is_one_state(
    settings: Settings, path: Path, tmp_path: Path
) -> None:
    """The writer adds to both tables in each transaction: a torn copy has unequal counts."""
    is_over = threading.Event()

    def write() -> None:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
            while not is_over.is_set():
                connection.execute("INSERT INTO one SELECT 1 FROM pings_ping")
                connection.execute("INSERT INTO other SELECT 1 FROM pings_ping")
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = run(settings)
    finally:
        is_over.set()
        writer.join()
    assert manifest.counts["one"] == manifest.counts["other"]
    back = restored(settings, manifest, tmp_path / "back.sqlite3")
    for table, rows in manifest.counts.items():
        assert count(back, table) == rows
    assert manifest.newest_ping_at == datetime(2026, 11, 22, 1, 2, 3, 500_000, tzinfo=UTC)
    assert (manifest.engine, manifest.taken_from) == ("sqlite", "file")
    assert list(settings.scratch.glob("copy-*")) == []


def test_rows_that_are_only_in_the_log_are_in_the_backup(
    settings: Settings, path: Path, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO one VALUES (1)")
        connection.commit()
        manifest = run(settings)
    assert manifest.counts["one"] == 1
    assert count(restored(settings, manifest, tmp_path / "back.sqlite3"), "one") == 1


def test_a_file_that_is_not_there_is_named(settings: Settings, path: Path) -> None:
    path.unlink()
    with pytest.raises(SourceError, match="There is no SQLite file"):
        run(settings)


def test_a_damaged_file_is_not_backed_up(settings: Settings, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.executemany("INSERT INTO one VALUES (?)", [(n,) for n in range(5_000)])
        connection.commit()
    content = bytearray(path.read_bytes())
    content[5 * 4096 : 6 * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"damaged|cannot be copied"):
        run(settings)
    store = Bucket(running_server(), settings.store.bucket).store(KEEPER)
    assert list(store.listed("")) == []


def test_a_disk_without_room_is_said_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backups.sqlite._MARGIN_BYTES", 2**60)
    with pytest.raises(SourceError, match="free, and the copy needs"):
        run(settings)


def test_the_copy_of_a_run_that_was_killed_goes(path: Path, tmp_path: Path) -> None:
    left = tmp_path / "copy-7.sqlite3"
    left.write_bytes(path.read_bytes())
    with sqlite.copying(path, (), tmp_path) as copy:
        assert copy.finish().counts["pings_ping"] == 1
        assert not left.exists()
    assert list(tmp_path.glob("copy-*")) == []
