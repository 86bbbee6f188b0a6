"""A backup from end to end: PostgreSQL, gpg and S3 are real."""

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from backups.commands.run import taking
from backups.layout import Kind
from backups.listing import listing
from backups.manifest import Manifest, parse_manifest
from backups.run import back_up
from backups.settings import Settings
from tests.backups.keys import key_pair
from tests.postgresql import program
from tests.s3 import KEEPER, Bucket, running_server


def keeper_of(settings: Settings) -> Bucket:
    return Bucket(running_server(), settings.store.bucket)


def run(settings: Settings) -> Manifest:
    manifest = back_up(settings, Kind.DUMP, lambda: taking(settings))
    assert manifest is not None
    return manifest


def test_what_comes_back_is_what_was_there(settings: Settings, tmp_path: Path) -> None:
    begun = datetime.now(UTC)
    manifest = run(settings)
    store = keeper_of(settings).store(KEEPER)
    assert parse_manifest(store.read(f"dumps/{manifest.id}/manifest.json")) == parse_manifest(
        manifest.to_json()
    )
    encrypted = store.read(manifest.object.key, 2**24)
    assert hashlib.sha256(encrypted).hexdigest() == manifest.object.sha256
    assert len(encrypted) == manifest.object.bytes
    for name in ("ada", "drill"):
        plain = key_pair(name).decrypt(encrypted)
        assert hashlib.sha256(plain).hexdigest() == manifest.plain.sha256
    (tmp_path / "dump").write_bytes(plain)
    listed = subprocess.run(
        [program("pg_restore"), "--list", tmp_path / "dump"], capture_output=True, check=True
    )
    assert b"TABLE DATA public pings_ping" in listed.stdout
    assert manifest.counts == {"checks_check": 10, "pings_ping": 1_000}
    assert manifest.newest_ping_at == datetime(2026, 11, 22, 1, 16, 40, tzinfo=UTC)
    assert manifest.taken_from == "primary"
    assert begun <= manifest.started_at <= manifest.finished_at <= datetime.now(UTC)
    assert manifest.recipients == (key_pair("ada").fingerprint, key_pair("drill").fingerprint)
    (listed_one,) = listing(store).backups
    assert (listed_one.id, listed_one.is_good) == (manifest.id, True)
