import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from backups import opening
from backups.errors import Busy, DamagedBackup, NoSpace, RestoreRefused, SettingsError
from backups.layout import Kind
from backups.manifest import Database, Manifest
from backups.parcel import Parcel
from backups.parts import Parts
from backups.replacing import replacing
from backups.restore import Restored, restore
from backups.settings import Settings, Source
from backups.unlock import Keyring, unlock
from tests.architecture.tree import ROOT
from tests.backups.drilled import Place, ask, scratch_folder
from tests.backups.keyrings import Key, made_key
from tests.backups.places import conninfo_of
from tests.clusters import running_pair
from tests.postgresql import Cluster
from tests.s3 import KEEPER, running_server

ROWS = 1_000


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    with made_key("drill") as one:
        yield one


@pytest.fixture
def place(key: Key) -> Iterator[Place]:
    with scratch_folder() as scratch:
        yield Place(running_server().new_bucket(), key, scratch)


@pytest.fixture
def taken(place: Place, conninfo: str) -> Manifest:
    """Return a backup of a database with a thousand pings."""
    return place.back_up(Source(conninfo=conninfo))


@pytest.fixture
def target(cluster: Cluster, conninfo: str) -> Iterator[str]:
    """Return the conninfo of an empty database; all that has its name goes afterwards."""
    root = conninfo_of(cluster, "postgres")
    name = f"{psycopg2.extensions.parse_dsn(conninfo)['dbname']}_target"
    ask(root, f"CREATE DATABASE {name}")
    yield conninfo_of(cluster, name)
    for (left,) in ask(root, "SELECT datname FROM pg_database"):
        if left.startswith(name):
            ask(root, f'DROP DATABASE "{left}" WITH (FORCE)')


def _parcel(place: Place, manifest: Manifest) -> Parcel:
    store = place.bucket.store(KEEPER)
    locked = opening.parcel_of(store, Kind.DUMP, manifest.id)
    return unlock(locked, Keyring(place.key.home), lambda _: None)


def _restore(place: Place, manifest: Manifest, target: str, replace: str | None = None) -> Restored:
    settings = place.settings(Source(conninfo=target))
    done = restore(_parcel(place, manifest), settings, replace, Parts())
    assert list(place.scratch.glob("restore-*")) == []  # nothing decrypted is left
    return done


def _name(target: str) -> str:
    return str(psycopg2.extensions.parse_dsn(target)["dbname"])


def _databases(target: str) -> set[str]:
    names = {name for (name,) in ask(target, "SELECT datname FROM pg_database")}
    return {name for name in names if name.startswith(_name(target))}


def _give_a_table(target: str) -> None:
    ask(target, "CREATE TABLE old (n int)")
    ask(target, "INSERT INTO old VALUES (7)")


def test_an_empty_database_becomes_the_one_that_was_dumped(
    place: Place, taken: Manifest, target: str
) -> None:
    done = _restore(place, taken, target)
    assert done.counts == taken.counts == {"checks_check": 10, "pings_ping": ROWS}
    assert done.kept is None
    assert ask(target, "SELECT count(*), max(received_at) FROM pings_ping") == [
        (ROWS, taken.newest_ping_at)
    ]
    assert _databases(target) == {_name(target)}
    assert list(done.seconds) == ["fetch", "load", "count", "analyze", "take the name"]


def test_a_database_that_is_not_there_is_made(place: Place, taken: Manifest, target: str) -> None:
    elsewhere = f"{target}_new"
    assert _restore(place, taken, elsewhere).kept is None
    assert ask(elsewhere, "SELECT count(*) FROM pings_ping") == [(ROWS,)]


def test_a_database_that_got_tables_while_it_was_empty_for_us_is_kept(
    cluster: Cluster, target: str
) -> None:
    with replacing(target) as ours:
        before = ours.before()
        assert before is not None
        ours.make(before)
        _give_a_table(target)
        kept = ours.take_name(before, "20261122T013000Z-1a2b3c")
    assert kept == f"{_name(target)}_before_20261122T013000Z-1a2b3c"
    assert ask(conninfo_of(cluster, kept), "SELECT n FROM old") == [(7,)]


@pytest.mark.parametrize("replace", [None, "another"])
def test_a_database_with_tables_is_left_alone_unless_it_is_named(
    place: Place, taken: Manifest, target: str, replace: str | None
) -> None:
    _give_a_table(target)
    with pytest.raises(RestoreRefused, match=_name(target)):
        _restore(place, taken, target, replace)
    assert ask(target, "SELECT n FROM old") == [(7,)]


def test_a_database_that_is_named_is_replaced_and_kept(
    cluster: Cluster, place: Place, taken: Manifest, target: str
) -> None:
    _give_a_table(target)
    name, root = _name(target), conninfo_of(cluster, "postgres")
    ask(root, f"CREATE ROLE {name}_owner; CREATE ROLE {name}_guest")
    ask(root, f"ALTER DATABASE {name} OWNER TO {name}_owner")
    ask(root, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    ask(root, f"GRANT CONNECT ON DATABASE {name} TO {name}_guest")
    session = psycopg2.connect(target)  # of an application that goes on
    try:
        done = _restore(place, taken, target, name)
        assert done.kept == f"{name}_before_{taken.id}"
        assert ask(conninfo_of(cluster, done.kept), "SELECT n FROM old") == [(7,)]
        assert ask(target, "SELECT count(*) FROM pings_ping") == [(ROWS,)]
        rights = ask(root, "SELECT pg_get_userbyid(datdba), datacl::text[] FROM pg_database"
                     " WHERE datname IN (%s, %s)", name, done.kept)  # fmt: skip
        assert rights[0] == rights[1]
        assert rights[0][0] == f"{name}_owner"
        again = _restore(place, taken, target, name)
        assert again.kept == f"{name}_before_{taken.id}_2"
    finally:
        session.close()
        for left in _databases(root.replace("dbname=postgres", f"dbname={name}")):
            ask(root, f'ALTER DATABASE "{left}" OWNER TO stillhere')
            ask(root, f'REVOKE ALL ON DATABASE "{left}" FROM {name}_guest, {name}_owner')
        ask(root, f"DROP ROLE {name}_owner, {name}_guest")


def test_what_does_not_have_all_rows_takes_no_name(
    place: Place, taken: Manifest, target: str
) -> None:
    _give_a_table(target)
    wrong = place.tamper(taken, counts=dict(taken.counts) | {"pings_ping": ROWS + 1})
    with pytest.raises(DamagedBackup, match=f"has {ROWS} rows of {ROWS + 1}"):
        _restore(place, wrong, target, _name(target))
    assert ask(target, "SELECT n FROM old") == [(7,)]
    assert _databases(target) == {_name(target)}


def test_a_disk_that_is_too_small_is_known_before_anything_is_done(
    place: Place, taken: Manifest, target: str
) -> None:
    large = dataclasses.replace(taken.database, bytes=10**18)
    assert isinstance(large, Database)
    with pytest.raises(NoSpace, match="for the database"):
        _restore(place, place.tamper(taken, database=large), target)
    assert _databases(target) == {_name(target)}


def test_two_restores_do_not_run_at_once(place: Place, taken: Manifest, target: str) -> None:
    with psycopg2.connect(target.replace(_name(target), "postgres")) as other:
        other.cursor().execute("SELECT pg_advisory_lock(hashtext('stillhere: restore'))")
        with pytest.raises(Busy):
            _restore(place, taken, target)
    other.close()


def test_a_dump_does_not_become_a_sqlite_file(
    place: Place, taken: Manifest, tmp_path: Path
) -> None:
    settings = place.settings(Source("sqlite", path=tmp_path / "x"))
    with pytest.raises(RestoreRefused, match="engine"):
        restore(_parcel(place, taken), settings, None, Parts())


def test_a_password_stands_in_no_argument(place: Place, taken: Manifest) -> None:
    with pytest.raises(SettingsError, match="passfile") as raised:
        _restore(place, taken, "dbname=x password=hunter2")
    assert "hunter2" not in str(raised.value)


def _program(settings: Settings, folder: Path, *words: str, given: str = "", **env: str) -> str:
    """Run the program as an operator does; return what it prints."""
    path = _settings_file(settings, folder)
    done = subprocess.run(
        [sys.executable, "-m", "backups", *words, "--settings", str(path)]
        if words[0] != "unlock"
        else [sys.executable, "-m", "backups", *words],
        input=given, capture_output=True, text=True, cwd=ROOT, env=os.environ | env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _settings_file(settings: Settings, folder: Path) -> Path:
    store, source = settings.store, settings.source
    path = folder / "backups.toml"
    path.write_text(
        f'scratch = "{settings.scratch}"\n'
        f'[store]\nendpoint = "{store.endpoint}"\nbucket = "{store.bucket}"\n'
        f'credentials = "{store.credentials}"\n[source]\nconninfo = "{source.conninfo}"\n'
    )
    return path


def test_no_machine_has_more_of_a_restore_than_it_needs(
    place: Place, taken: Manifest, target: str, tmp_path: Path
) -> None:
    """The keeper has no private key, the operator no credentials, the database host neither."""
    nobody = {"GNUPGHOME": str(tmp_path)}
    keeper = place.settings(Source(conninfo=target))
    locked = _program(keeper, tmp_path, "open", "--backup", taken.id, **nobody)
    home = ["--gnupg-home", str(place.key.home)]
    opened = _program(keeper, tmp_path, "unlock", *home, given=locked)
    store = dataclasses.replace(keeper.store, credentials=tmp_path / "none.toml")
    host = dataclasses.replace(keeper, store=store)
    said = _program(host, tmp_path, "restore", "--parcel", "-", "--json", given=opened, **nobody)
    assert taken.id in said
    assert ask(target, "SELECT count(*) FROM pings_ping") == [(ROWS,)]


@pytest.mark.long
def test_a_restore_that_is_killed_changes_nothing_and_the_next_one_clears_away(
    place: Place, taken: Manifest, target: str, tmp_path: Path
) -> None:
    _give_a_table(target)
    slow = tmp_path / "pg_restore"
    slow.write_text(f"#!/bin/sh\ntouch {tmp_path}/loading\nexec sleep 600\n")
    slow.chmod(0o755)
    settings = place.settings(Source(conninfo=target))
    parcel = tmp_path / "parcel"
    parcel.write_text(_parcel(place, taken).to_json())
    command = [sys.executable, "-m", "backups", "restore", "--parcel", str(parcel)]
    command += ["--replace", _name(target), "--settings", str(_settings_file(settings, tmp_path))]
    path = f"{tmp_path}:{os.environ['PATH']}"
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, start_new_session=True
    ) as process:
        while not (tmp_path / "loading").exists():
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert ask(target, "SELECT n FROM old") == [(7,)]
    assert f"{_name(target)}_restoring" in _databases(target)
    assert list(place.scratch.glob("restore-*/dump"))
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == 0
    assert ask(target, "SELECT count(*) FROM pings_ping") == [(ROWS,)]
    assert _databases(target) == {_name(target), f"{_name(target)}_before_{taken.id}"}
    assert list(place.scratch.glob("restore-*")) == []


@pytest.mark.long
def test_a_standby_is_not_restored_into(place: Place, taken: Manifest) -> None:
    with running_pair() as pair:
        target = f"host={pair.standby.directory} user=stillhere dbname=stillhere"
        with pytest.raises(RestoreRefused, match="standby"):
            _restore(place, taken, target)
