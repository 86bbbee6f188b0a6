import argparse
import contextlib
import dataclasses
import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.commands import verify
from backups.commands.verify import drilled
from backups.layout import Kind, manifest_key, verified_key
from backups.manifest import Manifest, Plain, StoredObject
from backups.settings import Source
from backups.verify import Verdict
from tests.architecture.tree import ROOT
from tests.backups.drilled import PINGED_AT, PINGS, Place, make_tables, pings, scratch_folder
from tests.backups.keyrings import Key, made_key, sealed
from tests.s3 import KEEPER, OPERATOR, running_server


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    with made_key("drill", passphrase="correct horse") as one:
        yield one


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the SQLite file of an installation with a user and pings."""
    folder = tmp_path_factory.mktemp("installation")
    make_tables(folder)
    path = folder / "stillhere.sqlite3"
    statement, rows = pings("?")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for check, n, time, *rest in rows:
            connection.execute(statement, [check, n, f"{time:%Y-%m-%d %H:%M:%S.%f}", *rest])
    return path


@pytest.fixture(scope="module")
def backed_up(key: Key, database: Path) -> Iterator[tuple[Place, Manifest, bytes]]:
    """Give a backup of it, and the object that was stored."""
    with scratch_folder() as scratch:
        place = Place(running_server().new_bucket(), key, scratch)
        manifest = place.back_up(Source("sqlite", path=database))
        yield place, manifest, place.object(manifest)


@pytest.fixture
def backup(backed_up: tuple[Place, Manifest, bytes]) -> Iterator[tuple[Place, Manifest]]:
    """Give the backup, which is as it was taken again after the test."""
    place, manifest, data = backed_up
    yield place, manifest
    place.tamper(manifest, data)
    with contextlib.suppress(Exception):
        place.bucket.store(OPERATOR).delete(verified_key(Kind.DUMP, manifest.id))


def _drill(place: Place, now: datetime | None = None, **changes: Any) -> Verdict:
    settings = dataclasses.replace(place.settings(Source("sqlite", path=Path("none"))), **changes)
    verdict = drilled(settings, None, now or datetime.now(UTC), at_any_age=False)
    assert list(place.scratch.glob("drill-*")) == []  # nothing decrypted is left
    return verdict


def _is_recorded(place: Place, manifest: Manifest) -> bool:
    key = verified_key(Kind.DUMP, manifest.id)
    return key in [one.key for one in place.bucket.store(KEEPER).listed("verified/")]


def _red(place: Place, manifest: Manifest, **changes: Any) -> str:
    verdict = _drill(place, **changes)
    assert not verdict.verified
    assert not _is_recorded(place, manifest)
    return verdict.trouble


def test_a_backup_that_comes_back_is_recorded(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    verdict = _drill(place)
    assert verdict.trouble == ""
    assert verdict.verified
    assert verdict.counts_restored == manifest.counts
    assert verdict.counts_restored["pings_ping"] == PINGS
    assert verdict.newest_ping_at == PINGED_AT.isoformat()
    assert verdict.page.startswith("/projects/")  # somebody is signed in, and sees what is his
    assert {"fetch", "count", "migrations", "page"} <= set(verdict.seconds_by_part)
    keeper = place.bucket.store(KEEPER)
    record = json.loads(keeper.read(verified_key(Kind.DUMP, manifest.id)))
    assert record["counts"] == manifest.counts
    tags = keeper.client.get_object_tagging(**keeper.place(manifest_key(Kind.DUMP, manifest.id)))
    assert tags["TagSet"] == [{"Key": "verified", "Value": record["at"]}]


def test_a_truncated_backup_is_red(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    place.tamper(manifest, place.object(manifest)[:-100])
    assert "bytes" in _red(place, manifest)


def test_a_flipped_bit_is_red(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    data = bytearray(place.object(manifest))
    data[len(data) // 2] ^= 1
    place.tamper(manifest, bytes(data))
    assert "SHA-256" in _red(place, manifest)


@pytest.mark.parametrize("cut", [False, True])
def test_a_bad_backup_is_red_although_its_manifest_agrees(
    backup: tuple[Place, Manifest], cut: bool
) -> None:
    place, manifest = backup
    data = bytearray(place.object(manifest))
    if cut:
        data = data[:-100]
    else:
        data[len(data) // 2] ^= 1
    _agree(place, manifest, bytes(data))
    assert "does not decrypt" in _red(place, manifest)


def test_an_empty_object_is_red(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    place.tamper(manifest, b"", object=_stored(manifest, b""))
    assert "ends before" in _red(place, manifest)


def test_a_backup_of_nothing_is_red(backup: tuple[Place, Manifest], tmp_path: Path) -> None:
    """A whole backup of a database without tables, and a manifest that is true of it."""
    place, manifest = backup
    with contextlib.closing(sqlite3.connect(tmp_path / "empty")) as connection:
        connection.execute("VACUUM")
    plain = (tmp_path / "empty").read_bytes()
    _agree(place, manifest, sealed(plain, place.key), plain, counts={}, newest_ping_at=None)
    assert "no rows at all" in _red(place, manifest)


@pytest.mark.parametrize("hours", [26.01, 100])
def test_a_backup_of_more_than_26_hours_is_red(
    backup: tuple[Place, Manifest], hours: float
) -> None:
    place, manifest = backup
    verdict = _drill(place, manifest.started_at + timedelta(hours=hours))
    assert not verdict.verified
    assert "26.0 h are allowed" in verdict.trouble


def test_an_old_dump_under_a_new_manifest_is_red(
    backup: tuple[Place, Manifest], database: Path, tmp_path: Path
) -> None:
    """It has as many rows as the manifest says, but not the last ping."""
    place, manifest = backup
    newest = "n = (SELECT max(n) FROM pings_ping)"
    older = "UPDATE pings_ping SET received_at = '2026-11-20 00:00:00.000000' WHERE "
    plain = _changed(database, tmp_path, older + newest)
    _agree(place, manifest, sealed(plain, place.key), plain)
    assert "newest ping" in _red(place, manifest)


@pytest.mark.parametrize("rows", [PINGS - 1, PINGS + 1])
def test_wrong_counts_are_red(backup: tuple[Place, Manifest], rows: int) -> None:
    place, manifest = backup
    place.tamper(manifest, counts=dict(manifest.counts) | {"pings_ping": rows})
    assert f"pings_ping has {PINGS} rows of {rows}" in _red(place, manifest)


def test_a_backup_that_lacks_migrations_of_its_own_release_is_red(
    backup: tuple[Place, Manifest],
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, manifest = backup
    plain = _changed(database, tmp_path, "DELETE FROM django_migrations WHERE app = 'sessions'")
    rows = manifest.counts["django_migrations"] - 1
    counts = dict(manifest.counts) | {"django_migrations": rows}
    _agree(place, manifest, sealed(plain, place.key), plain, counts=counts, release="a-release")
    (tmp_path / "release.json").write_text('{"id": "a-release"}')
    monkeypatch.chdir(tmp_path)
    source = Source("sqlite", path=database, program=(sys.executable, str(ROOT / "manage.py")))
    assert "lacks migrations" in _red(place, manifest, source=source)


@pytest.mark.long
def test_an_installation_without_users_serves_the_page_to_sign_in(
    backup: tuple[Place, Manifest], database: Path, tmp_path: Path
) -> None:
    place, manifest = backup
    plain = _changed(database, tmp_path, "UPDATE accounts_user SET is_active = 0")
    _agree(place, manifest, sealed(plain, place.key), plain)
    verdict = _drill(place)
    assert verdict.trouble == ""
    assert verdict.page == "/sign-in/"


@pytest.mark.long
def test_a_page_that_is_not_served_is_red(
    backup: tuple[Place, Manifest], database: Path, tmp_path: Path
) -> None:
    """All rows are there; what no count sees is damaged."""
    place, manifest = backup
    plain = _changed(database, tmp_path, "ALTER TABLE accounts_member RENAME COLUMN role TO part")
    _agree(place, manifest, sealed(plain, place.key), plain)
    assert "answers 500 to GET /" in _red(place, manifest)


def test_the_exit_status_says_whether_it_is_verified(
    backup: tuple[Place, Manifest], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, manifest = backup
    place.tamper(manifest, place.object(manifest)[:-1])
    settings = place.settings(Source())
    path = tmp_path / "backups.toml"
    path.write_text(
        f'scratch = "{settings.scratch}"\n[store]\nendpoint = "{settings.store.endpoint}"\n'
        f'bucket = "{settings.store.bucket}"\ncredentials = "{settings.store.credentials}"\n'
        f'[drill]\ngnupg_home = "{place.key.home}"\n'
        f'passphrase_file = "{place.key.passphrase_file}"\n'
    )
    named = {"settings": str(path), "backup": manifest.id}
    given = argparse.Namespace(**named, base=False, any_age=False, json=True)
    assert verify.main(given) == 1
    said, told = capsys.readouterr()
    assert json.loads(said)["verified"] is False
    assert "NOT VERIFIED" in told


def test_a_table_that_did_not_come_back_is_red(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    place.tamper(manifest, counts=dict(manifest.counts) | {"lost": 1})
    assert "lost is not there" in _red(place, manifest)


def test_a_missing_manifest_is_no_backup(key: Key) -> None:
    with scratch_folder() as scratch:
        verdict = _drill(Place(running_server().new_bucket(), key, scratch))
    assert not verdict.verified
    assert "no dump at all" in verdict.trouble


def test_the_manifest_of_another_backup_is_red(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    other = f"{manifest.id[:-6]}ffffff"
    assert other > manifest.id
    copied = place.bucket.store(OPERATOR)
    copied.put(manifest_key(Kind.DUMP, other), manifest.to_json())
    try:
        assert "that of dump" in _red(place, manifest)
    finally:
        for one in copied.versions(manifest_key(Kind.DUMP, other)):
            copied.delete(one.key, one.version)


def test_a_wrong_passphrase_is_red(backup: tuple[Place, Manifest], tmp_path: Path) -> None:
    place, manifest = backup
    (tmp_path / "wrong").write_text("incorrect")
    drill = place.settings(Source()).drill
    wrong = dataclasses.replace(drill, passphrase_file=tmp_path / "wrong")
    assert "refuses its passphrase" in _red(place, manifest, drill=wrong)


def test_a_missing_key_is_red(backup: tuple[Place, Manifest]) -> None:
    place, manifest = backup
    with made_key("stranger") as other:
        drill = dataclasses.replace(place.settings(Source()).drill, gnupg_home=other.home)
        assert "opens it" in _red(place, manifest, drill=drill)


def _changed(database: Path, folder: Path, statement: str) -> bytes:
    """Return a backup of the database in which something is different."""
    path = folder / "changed.sqlite3"
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
        copy.execute(statement)
        copy.commit()
        copy.execute("PRAGMA journal_mode=DELETE")
    return path.read_bytes()


def _agree(
    place: Place, manifest: Manifest, data: bytes, plain: bytes | None = None, **changes: Any
) -> None:
    """Store an object, and a manifest that has its size and digests."""
    if plain is not None:
        changes["plain"] = Plain(len(plain), hashlib.sha256(plain).hexdigest())
    place.tamper(manifest, data, object=_stored(manifest, data), **changes)


def _stored(manifest: Manifest, data: bytes) -> StoredObject:
    return StoredObject(manifest.object.key, len(data), hashlib.sha256(data).hexdigest())
