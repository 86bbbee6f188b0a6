"""Real backups of the real application, to be drilled and restored in tests."""

import contextlib
import dataclasses
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2

from backups.application import Application
from backups.commands.run import taking
from backups.layout import Kind, manifest_key, object_key
from backups.manifest import Manifest
from backups.run import back_up
from backups.settings import Drill, Settings, Source
from tests.backups.keyrings import Key
from tests.backups.places import conninfo_of
from tests.postgresql import Cluster, owner
from tests.s3 import KEEPER, OPERATOR, WRITER, Bucket

PINGED_AT = datetime(2026, 11, 21, 12, 0, 30, 250_000, UTC)
_PINGS = """
INSERT INTO pings_ping
    (check_id, n, received_at, action, scheme, method, remote_addr, user_agent)
VALUES ({})
"""
PINGS = 20


@dataclass(frozen=True)
class Place:
    """A bucket, a key, and a folder for what is decrypted, of one test."""

    bucket: Bucket
    key: Key
    scratch: Path

    def settings(self, source: Source, identity: str = KEEPER) -> Settings:
        """Return settings: the writer's take backups, the keeper's drill."""
        return Settings(
            store=self.bucket.settings(identity),
            recipients=(self.key.public,),
            scratch=self.scratch,
            source=source,
            drill=Drill(self.key.home, self.key.passphrase_file),
        )

    def back_up(self, source: Source) -> Manifest:
        """Take a backup, as the writer."""
        settings = self.settings(source, WRITER)
        manifest = back_up(settings, Kind.DUMP, lambda: taking(settings))
        assert manifest is not None
        return manifest

    def tamper(self, manifest: Manifest, data: bytes | None = None, **changes: Any) -> Manifest:
        """Store another object under a backup's key, or change what its manifest says."""
        client = self.bucket.store(OPERATOR).client
        if data is not None:
            key = object_key(Kind.DUMP, manifest.id)
            client.put_object(Bucket=self.bucket.name, Key=key, Body=data)
        manifest = dataclasses.replace(manifest, **changes)
        key = manifest_key(Kind.DUMP, manifest.id)
        client.put_object(Bucket=self.bucket.name, Key=key, Body=manifest.to_json())
        return manifest

    def object(self, manifest: Manifest) -> bytes:
        """Return what is stored of a backup."""
        return self.bucket.store(OPERATOR).head(manifest.object.key, manifest.object.bytes)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that PostgreSQL may enter, also when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="stillhere-scratch-"))
    shutil.chown(folder, *owner())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_tables(data: Path, url: str = "") -> None:
    """Let the application make its tables, and its first user with a project."""
    application = Application(data, url)
    application.command("migrate", "--verbosity=0")
    application.command("bootstrap", "--email", "ada@example.org", "--json")


def pings(mark: str) -> tuple[str, list[tuple[Any, ...]]]:
    """Return a statement that writes a ping, with `mark` for values, and values for it."""
    rest = ("success", "https", "GET", "192.0.2.1", "curl/7.88")
    times = [PINGED_AT.replace(minute=0, second=n) for n in range(1, PINGS)] + [PINGED_AT]
    rows = [(1, n, time, *rest) for n, time in enumerate(times, 1)]
    return _PINGS.format(", ".join([mark] * 8)), rows


def ask(conninfo: str, question: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask outside of any transaction."""
    with contextlib.closing(psycopg2.connect(conninfo)) as raw:
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute(question, values or None)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def copy_of(cluster: Cluster, template: str) -> Iterator[str]:
    """Give the conninfo of a copy of a database; all that has its name goes afterwards."""
    name = f"shop_{secrets.token_hex(3)}"
    root = conninfo_of(cluster, "postgres")
    ask(root, f'CREATE DATABASE {name} TEMPLATE "{template}"')
    try:
        yield conninfo_of(cluster, name)
    finally:
        for (left,) in ask(root, "SELECT datname FROM pg_database"):
            if left.startswith(name):
                ask(root, f'DROP DATABASE "{left}" WITH (FORCE)')
