import argparse
import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from backups import opening
from backups.commands import restore as command
from backups.errors import DamagedBackup, RestoreRefused
from backups.layout import Kind
from backups.manifest import Manifest
from backups.parts import Parts
from backups.restore import Restored, restore
from backups.settings import Source
from backups.unlock import Keyring, unlock
from tests.backups.drilled import Place, scratch_folder
from tests.backups.keyrings import Key, made_key
from tests.s3 import KEEPER, running_server

ROWS = 100


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    with made_key("drill") as one:
        yield one


@pytest.fixture
def place(key: Key) -> Iterator[Place]:
    with scratch_folder() as scratch:
        yield Place(running_server().new_bucket(), key, scratch)


@pytest.fixture
def taken(place: Place, tmp_path: Path) -> Manifest:
    """Return a backup of a file with a hundred pings."""
    path = tmp_path / "source.sqlite3"
    _write(path, "CREATE TABLE pings_ping (n int, received_at text)")
    _write(
        path,
        "WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < 100)"
        " INSERT INTO pings_ping SELECT n, '2026-11-22 01:00:00.250000' FROM rows",
    )
    return place.back_up(Source("sqlite", path=path))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where the database of an installation is, in a folder of its own."""
    (tmp_path / "var").mkdir()
    return tmp_path / "var" / "stillhere.sqlite3"


def _restore(
    place: Place, manifest: Manifest, target: Path, replace: str | None = None
) -> Restored:
    locked = opening.parcel_of(place.bucket.store(KEEPER), Kind.DUMP, manifest.id)
    opened = unlock(locked, Keyring(place.key.home), lambda _: None)
    return restore(opened, place.settings(Source("sqlite", path=target)), replace, Parts())


def _write(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(statement)


def _ask(path: Path, question: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


def _old(target: Path) -> None:
    _write(target, "CREATE TABLE old AS SELECT 7 AS n")


def test_a_file_that_is_not_there_is_restored(place: Place, taken: Manifest, target: Path) -> None:
    done = _restore(place, taken, target)
    assert done.counts == taken.counts == {"pings_ping": ROWS}
    assert done.kept is None
    assert _ask(target, "SELECT count(*) FROM pings_ping") == [(ROWS,)]
    assert target.stat().st_mode & 0o077 == 0
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("replace", [None, "another.sqlite3"])
def test_a_file_with_tables_is_left_alone_unless_it_is_named(
    place: Place, taken: Manifest, target: Path, replace: str | None
) -> None:
    _old(target)
    with pytest.raises(RestoreRefused, match=r"stillhere\.sqlite3"):
        _restore(place, taken, target, replace)
    assert _ask(target, "SELECT n FROM old") == [(7,)]


def test_what_is_no_database_is_not_overwritten_either(
    place: Place, taken: Manifest, target: Path
) -> None:
    target.write_text("a letter to somebody, which is longer than a header of SQLite's")
    with pytest.raises(RestoreRefused):
        _restore(place, taken, target)


def test_a_file_that_is_named_is_replaced_and_kept_with_all_that_was_in_its_log(
    place: Place, taken: Manifest, target: Path
) -> None:
    _old(target)
    # Killed: the last row is in the -wal file alone.
    with contextlib.closing(sqlite3.connect(target)) as writer:
        writer.execute("INSERT INTO old VALUES (8)")
        writer.commit()
        left = {one: one.read_bytes() for one in target.parent.iterdir()}
    for path, content in left.items():
        path.write_bytes(content)
    assert target.with_name(f"{target.name}-wal").stat().st_size
    target.chmod(0o640)
    done = _restore(place, taken, target, target.name)
    assert done.kept == f"{target.name}_before_{taken.id}"
    assert _ask(target.with_name(done.kept), "SELECT n FROM old") == [(7,), (8,)]
    assert _ask(target, "SELECT count(*) FROM pings_ping") == [(ROWS,)]
    assert target.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in target.parent.iterdir()} == {target.name, done.kept}
    assert _restore(place, taken, target, target.name).kept == f"{done.kept}_2"


def test_the_log_of_a_file_that_is_lost_is_not_applied_to_the_restored_one(
    place: Place, taken: Manifest, target: Path
) -> None:
    log = target.with_name(f"{target.name}-wal")
    with contextlib.closing(sqlite3.connect(target)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE old AS SELECT 7 AS n")
        writer.commit()
        left = log.read_bytes()
    target.unlink()
    log.write_bytes(left)
    _restore(place, taken, target)
    assert _ask(target, "SELECT name FROM sqlite_master") == [("pings_ping",)]
    assert target.with_name(f"{target.name}_before_{taken.id}-wal").read_bytes() == left


def test_a_file_that_is_in_use_is_not_replaced(place: Place, taken: Manifest, target: Path) -> None:
    _old(target)
    with contextlib.closing(sqlite3.connect(target)) as user:
        user.execute("SELECT n FROM old").fetchall()
        with pytest.raises(RestoreRefused, match="in use"):
            _restore(place, taken, target, target.name)
        assert user.execute("SELECT n FROM old").fetchall() == [(7,)]
    assert {path.name for path in target.parent.iterdir()} == {target.name}


def test_what_does_not_have_all_rows_takes_no_name(
    place: Place, taken: Manifest, target: Path
) -> None:
    _old(target)
    wrong = place.tamper(taken, counts={"pings_ping": ROWS + 1})
    with pytest.raises(DamagedBackup, match=f"has {ROWS} rows of {ROWS + 1}"):
        _restore(place, wrong, target, target.name)
    assert _ask(target, "SELECT n FROM old") == [(7,)]
    assert {path.name for path in target.parent.iterdir()} == {target.name}


def test_one_machine_opens_unlocks_and_restores_at_once(
    place: Place, taken: Manifest, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = place.settings(Source())
    path = tmp_path / "backups.toml"
    path.write_text(
        f'scratch = "{settings.scratch}"\n[store]\nendpoint = "{settings.store.endpoint}"\n'
        f'bucket = "{settings.store.bucket}"\ncredentials = "{settings.store.credentials}"\n'
        f'[source]\nkind = "sqlite"\npath = "var/stillhere.sqlite3"\n'
        f'[drill]\ngnupg_home = "{place.key.home}"\n'
    )
    nothing = dict.fromkeys(("backup", "parcel", "replace", "at", "into"))
    given = argparse.Namespace(settings=str(path), json=True, **nothing)
    assert command.main(given) == 0
    said, words = capsys.readouterr()
    assert json.loads(said)["backup"] == taken.id
    assert f"stillhere.sqlite3 is restored from {taken.id}" in words
    assert _ask(target, "SELECT count(*) FROM pings_ping") == [(ROWS,)]


def test_a_restore_that_was_cut_off_is_done_anew(
    place: Place, taken: Manifest, target: Path
) -> None:
    _old(target)
    target.with_name(f"{target.name}_restoring").write_bytes(b"half")
    done = _restore(place, taken, target, target.name)
    assert {path.name for path in target.parent.iterdir()} == {target.name, done.kept}
