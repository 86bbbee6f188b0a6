"""The drill: a backup exists when it was restored.

    manifest of today? -> fetch, decrypt, hash -> throw-away database -> rows and newest ping
    -> the release's migrations -> the application serves a page -> record

Every step that fails makes it red, and nothing is recorded then.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from backups import base_drill, cluster, counted, disk, load, opening, serving, sqlite_restore
from backups.application import Application, database_url
from backups.bringing import brought
from backups.counted import Found
from backups.disk import Need
from backups.errors import BackupError, NotVerified, StoreError
from backups.layout import Kind, manifest_key, verified_key
from backups.manifest import Manifest
from backups.parcel import Parcel
from backups.parts import Parts
from backups.progress import say
from backups.run import release_of
from backups.settings import Settings
from backups.store import Store
from backups.unlock import Keyring, unlock

DATABASE = "stillhere"
SQLITE_FILE = "stillhere.sqlite3"  # where the application looks for it in its data directory


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the drill has found. `trouble` is empty when it is verified."""

    backup: str
    kind: str
    verified: bool
    trouble: str
    counts_expected: Mapping[str, int]
    counts_restored: Mapping[str, int | None]
    newest_ping_at: str | None
    page: str
    seconds_by_part: Mapping[str, float]
    bytes: int


@dataclass(slots=True)
class Drill:
    """One drill, on one backup; what it has found so far."""

    store: Store
    settings: Settings
    kind: Kind
    folder: Path  # 0700, and ours alone
    parts: Parts
    backup: str = ""
    manifest: Manifest | None = None
    found: Found = Found({}, None)  # noqa: RUF009 (frozen)
    page: str = ""

    def run(self, wanted: str | None, now: datetime, *, at_any_age: bool) -> Verdict:
        """Drill the backup `wanted`, else the newest; record it when it is verified."""
        try:
            self._drill(wanted, now, at_any_age=at_any_age)
            verdict = self.verdict("")
            with self.parts.timed("record"):
                self._record(verdict)
        except BackupError as error:
            return self.verdict(str(error))
        return verdict

    def verdict(self, trouble: str) -> Verdict:
        """Return what is known by now."""
        manifest, newest = self.manifest, self.found.newest_ping_at
        return Verdict(
            backup=self.backup,
            kind=str(self.kind),
            verified=not trouble,
            trouble=trouble,
            counts_expected=manifest.counts if manifest else {},
            counts_restored=self.found.counts,
            newest_ping_at=newest.isoformat() if newest else None,
            page=self.page,
            seconds_by_part=dict(self.parts.seconds),
            bytes=manifest.object.bytes if manifest else 0,
        )

    def _drill(self, wanted: str | None, now: datetime, *, at_any_age: bool) -> None:
        with self.parts.timed("open"):
            self.backup = wanted or opening.newest(self.store, self.kind)
            parcel = opening.parcel_of(self.store, self.kind, self.backup)
            self.manifest = manifest = parcel.parsed()
        # A base is a week old; that its WAL is of today is seen when it is replayed.
        is_base = manifest.kind is Kind.BASE
        age = "" if at_any_age or is_base else counted.age_trouble(manifest, now)
        for words in (age, counted.replay_trouble(manifest)):
            if words:
                raise NotVerified(words)
        drill = self.settings.drill
        with self.parts.timed("unlock"):
            keyring = Keyring(drill.gnupg_home, drill.passphrase_file)
            parcel = unlock(parcel, keyring, lambda _: None)
        if is_base:
            oldest = None if at_any_age else now - counted.MOST_AGE
            base_drill.replay(self, parcel, manifest, oldest)
            return
        restored = _sqlite if manifest.engine == "sqlite" else _postgresql
        restored(self, parcel, manifest)

    def application(self, url: str) -> Application:
        """Return the application on a database, with a data directory of its own."""
        data = self.folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        return Application(data, url, self.settings.source.program)

    def look_at(self, application: Application, manifest: Manifest) -> None:
        """Let the application work with what was restored."""
        with self.parts.timed("migrations"):
            if not application.has_all_migrations():
                _migrate(application, manifest)
        with self.parts.timed("page"):
            self.page = serving.page(application, self.folder)

    def _record(self, verdict: Verdict) -> None:
        at = datetime.now(UTC).isoformat()
        said = {"at": at, "counts": verdict.counts_restored} | asdict(verdict)
        said["seconds"] = verdict.seconds_by_part
        key = verified_key(self.kind, self.backup)
        self.store.put(key, json.dumps(said, indent=1).encode() + b"\n", is_new=False)
        try:
            self.store.tag(manifest_key(self.kind, self.backup), "verified", at)
        except StoreError as error:
            # Some stores have no tags: the record counts.
            say(f"The manifest has no tag `verified`: {error}")


def _postgresql(drill: Drill, parcel: Parcel, manifest: Manifest) -> None:
    need = manifest.plain.bytes + manifest.database.bytes * 5 // 4
    disk.demand([Need(drill.folder, need, "the dump and its database")])
    path = drill.folder / "dump"
    brought(parcel, path, drill.settings.store.authority, drill.parts)
    major = int(manifest.versions.server.split(".")[0])
    programs = cluster.programs(drill.settings.drill.postgresql_bin, major)
    folder = drill.folder / "cluster"
    folder.mkdir(mode=0o700)
    with drill.parts.timed("cluster"):
        server = cluster.ThrowAway(folder, programs)
        server.own(drill.folder)
        server.create()
        server.start()
    try:
        conninfo = server.conninfo(DATABASE)
        with drill.parts.timed("load", manifest.database.bytes) as told:
            with load.connected(server.conninfo()) as connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
            pg_restore = programs / "pg_restore"
            load.load(path, conninfo, pg_restore=pg_restore, keeps_owners=False, told=told)
        path.unlink()
        with drill.parts.timed("count"):
            drill.found = load.content(conninfo, manifest.counts)
            counted.demand(manifest, drill.found)
        url = database_url(folder, cluster.PORT, cluster.USER, DATABASE)
        drill.look_at(drill.application(url), manifest)
    finally:
        server.stop()


def _sqlite(drill: Drill, parcel: Parcel, manifest: Manifest) -> None:
    disk.demand([Need(drill.folder, manifest.plain.bytes, "the database")])
    application = drill.application("")
    path = application.data / SQLITE_FILE
    brought(parcel, path, drill.settings.store.authority, drill.parts)
    with drill.parts.timed("count"):
        drill.found = sqlite_restore.content(path, manifest)
        counted.demand(manifest, drill.found)
    drill.look_at(application, manifest)


def _migrate(application: Application, manifest: Manifest) -> None:
    """Migrate a backup of another release than ours, as a deploy after a restore would."""
    if manifest.release and manifest.release == release_of(Path("release.json")):
        raise NotVerified(f"{manifest.id} lacks migrations of the release that it was made by.")
    application.command("migrate", "--no-input")
    if not application.has_all_migrations():
        raise NotVerified(f"{manifest.id} still lacks migrations after `migrate`.")
