"""What `list` says of a bucket, and what it makes of remains and of what does not fit."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

from backups.layout import Kind, manifest_key, object_key, verified_key
from backups.listing import listing
from backups.manifest import StoredObject
from backups.multipart import Upload
from backups.store import Store
from tests.backups.test_manifest import manifest
from tests.s3 import OPERATOR, running_server

OLD, NEW = "20261121T013000Z-1a2b3c", "20261122T013000Z-1a2b3c"


def store_backup(store: Store, backup_id: str, kind: Kind = Kind.DUMP, size: int = 5) -> None:
    store.put(object_key(kind, backup_id), bytes(5))
    stored = StoredObject(object_key(kind, backup_id), size, "a" * 64)
    one = dataclasses.replace(manifest(), id=backup_id, kind=kind, object=stored)
    store.put(manifest_key(kind, backup_id), one.to_json())


def record(store: Store, backup_id: str, at: str, kind: Kind = Kind.DUMP) -> None:
    store.put(verified_key(kind, backup_id), json.dumps({"at": at}).encode())


def test_the_newest_verified_is_the_newest_backup_that_a_drill_restored() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    for backup_id in (NEW, OLD):
        store_backup(store, backup_id)
    # The older one was verified later: it is not newer for that.
    record(store, OLD, "2026-11-23T04:00:00+00:00")
    found = listing(store)
    assert [one.id for one in found.backups] == [OLD, NEW]
    assert [one.trouble for one in found.backups] == ["", ""]
    assert found.newest_verified is found.backups[0]
    record(store, NEW, "2026-11-22T04:00:00+00:00")
    assert listing(store).to_json()["newest_verified"] == {
        "id": NEW,
        "kind": "dump",
        "at": "2026-11-22T04:00:00+00:00",
    }


def test_what_a_reader_of_the_json_gets() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store_backup(store, NEW, Kind.BASE)
    Upload(store, object_key(Kind.DUMP, OLD))  # begun, and left
    assert listing(store).to_json() == {
        "backups": [
            {
                "id": NEW,
                "kind": "base",
                "engine": "postgresql",
                "host": "db2",
                "started_at": "2026-11-22T01:30:00+00:00",
                "bytes": 5,
                "plain_bytes": 2,
                "verified_at": None,
                "trouble": "",
            }
        ],
        "newest_verified": None,
        "unfinished_uploads": 1,
    }


def trouble_of(store: Store) -> str:
    (one,) = listing(store).backups
    assert not one.is_good
    return one.trouble


def test_an_object_without_a_manifest_is_no_backup() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store.put(object_key(Kind.DUMP, NEW), b"1")
    record(store, NEW, "2026-11-22T04:00:00+00:00")
    assert "no manifest" in trouble_of(store)
    assert listing(store).newest_verified is None


def test_a_manifest_without_its_object_is_trouble() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store_backup(store, NEW)
    store.delete(object_key(Kind.DUMP, NEW))
    assert "missing" in trouble_of(store)


def test_an_object_of_another_size_is_trouble() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store_backup(store, NEW, size=6)
    assert "has 5 bytes, and should have 6" in trouble_of(store)


def test_a_manifest_that_is_none_is_trouble() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store.put(manifest_key(Kind.DUMP, NEW), b"{}")
    assert "no manifest" in trouble_of(store)


def test_a_manifest_of_another_backup_is_trouble() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store.put(manifest_key(Kind.DUMP, OLD), manifest().to_json())
    assert f"is of dump {NEW}" in trouble_of(store)


def test_a_backup_from_the_future_is_trouble() -> None:
    """Its host's clock was ahead: it would be the newest one for as long."""
    store = running_server().new_bucket().store(OPERATOR)
    store_backup(store, NEW)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    one = dataclasses.replace(
        manifest(), object=StoredObject(object_key(Kind.DUMP, NEW), 5, "a" * 64), finished_at=ahead
    )
    store.put(manifest_key(Kind.DUMP, NEW), one.to_json(), is_new=False)
    assert "clock was wrong" in trouble_of(store)


def test_other_folders_are_not_backups() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store.put("dumps/by-hand/dump.gpg", b"1")
    store.put("wal/1/00000001/a.gpg", b"1")
    assert listing(store).backups == ()
