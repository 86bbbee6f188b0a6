"""Backups that tests of listing and deleting want to find: small, and of any age."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backups.layout import Kind, manifest_key, object_key, verified_key
from backups.manifest import Database, Manifest, Plain, StoredObject, Versions, WalRange
from tests.s3 import KEEPER, WRITER, Bucket

CONTENT = b"encrypted"


def backup_id(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}-abcdef"


def manifest(at: datetime, kind: Kind = Kind.DUMP, first: int = 0) -> Manifest:
    name = backup_id(at)
    wal = WalRange(wal_name(first), wal_name(first)) if kind is Kind.BASE else None
    return Manifest(
        id=name,
        kind=kind,
        engine="postgresql",
        host="db2",
        release="r1",
        started_at=at,
        finished_at=at,
        object=StoredObject(object_key(kind, name), len(CONTENT), "0" * 64),
        plain=Plain(1, "0" * 64),
        recipients=(),
        versions=Versions("17", "17"),
        database=Database("stillhere", 1, "7", 1),
        taken_from="standby",
        wal=wal,
    )


def wal_name(number: int) -> str:
    return f"00000001{number:016X}"


def wal_key(number: int) -> str:
    return f"wal/7/00000001/{wal_name(number)}-{number:016x}.gpg"


def stored(real: Bucket, *days: int, is_verified: bool = True) -> list[Manifest]:
    """Store dumps that say that they are of so many days from now; a store dates by itself."""
    writer, keeper = real.store(WRITER), real.store(KEEPER)
    now = datetime.now(UTC).replace(microsecond=0)
    dumps = [manifest(now + timedelta(days=day)) for day in days]
    for one in dumps:
        writer.put(one.object.key, CONTENT)
        writer.put(manifest_key(one.kind, one.id), one.to_json())
        if is_verified:
            keeper.put(
                verified_key(one.kind, one.id),
                f'{{"at": "{now.isoformat()}"}}'.encode(),
                is_new=False,
            )
    return dumps


def run(real: Bucket, identity: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the program as that identity, with a retention of no days and one verified."""
    settings = real.settings(identity)
    path = settings.credentials.with_name(f"{identity}-backups.toml")
    path.write_text(
        f'[store]\nendpoint = "{settings.endpoint}"\nbucket = "{settings.bucket}"\n'
        f'credentials = "{settings.credentials}"\n[retention]\ndays = 0\nkeep_verified = 1\n'
    )
    command = [sys.executable, "-m", "backups", words[0], "--settings", str(path), *words[1:]]
    root = Path(__file__).resolve().parents[2]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
