"""Restore a dump: this is where an unlocked parcel becomes the database.

    room? -> fetch and decrypt -> load under another name -> count -> take the name

The old database is there until the last step, and afterwards under another name.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backups import cluster, counted, disk, load, sqlite_restore
from backups.bringing import brought, refuse_to_replace
from backups.disk import Need
from backups.errors import NoSpace, RestoreRefused
from backups.layout import Kind
from backups.manifest import Manifest
from backups.parcel import Parcel
from backups.parts import Parts
from backups.replacing import Before, Replacing, replacing
from backups.settings import Settings


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `kept` is the name of the old database, None when there was none."""

    backup: str
    database: str
    kept: str | None
    counts: Mapping[str, int | None]
    seconds: Mapping[str, float]
    bytes: int


def restore(parcel: Parcel, settings: Settings, replace: str | None, parts: Parts) -> Restored:
    """Restore a dump into the database of the settings, and return what was done.

    `replace` is the name of the database that may be replaced although it has tables.
    RestoreRefused and NoSpace change nothing; nor does any later error, up to the last step.
    """
    manifest = parcel.parsed()
    if manifest.kind is not Kind.DUMP:
        raise RestoreRefused(f"{manifest.id} is a base backup: it takes --at.")
    if manifest.engine != settings.source.kind:
        words = f"{manifest.id} is of {manifest.engine}, and source.kind is {settings.source.kind}"
        raise RestoreRefused(f"{words}: a dump does not change the engine.")
    if manifest.engine == "sqlite":
        assert settings.source.path is not None
        path, authority = settings.source.path, settings.store.authority
        kept, found = sqlite_restore.restore(parcel, path, authority, replace, parts)
        name = path.name
    else:
        with replacing(settings.source.conninfo) as target:
            kept, found = _restore(parcel, settings, target, replace, parts)
            name = target.name
    size = manifest.object.bytes
    return Restored(manifest.id, name, kept, found, parts.seconds, size)


def _restore(
    parcel: Parcel, settings: Settings, target: Replacing, replace: str | None, parts: Parts
) -> tuple[str | None, Mapping[str, int | None]]:
    manifest, before = parcel.parsed(), target.before()
    refuse_to_replace(target.name, before.tables if before else 0, replace)
    disk.demand(list(_needs(manifest, settings.scratch, target)))
    with scratch(settings.scratch) as folder:
        dump = folder / "dump"
        brought(parcel, dump, settings.store.authority, parts)
        found = loaded(dump, manifest, target, before, parts)
    with parts.timed("take the name"):
        kept = target.take_name(before, manifest.id)
    return kept, found


def loaded(
    dump: Path, manifest: Manifest, target: Replacing, before: Before | None, parts: Parts
) -> Mapping[str, int | None]:
    """Load under the other name and count; whatever goes wrong, that database goes again."""
    conninfo = target.restoring_conninfo
    try:
        with parts.timed("load", manifest.database.bytes) as told:
            target.make(before)
            load.load(dump, conninfo, pg_restore=Path("pg_restore"), keeps_owners=True, told=told)
        with parts.timed("count"):
            found = load.content(conninfo, manifest.counts)
            counted.demand(manifest, found)
        with parts.timed("analyze"):
            load.analyze(conninfo)
    except BaseException:
        target.drop()
        raise
    return found.counts


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Make a folder for what is decrypted; it goes with all that is in it.

    What a restore that was killed has left goes, too: whoever calls holds the lock.
    """
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        cluster.clear_away(parent, "restore-*")
        folder = Path(tempfile.mkdtemp(prefix="restore-", dir=parent))
    except OSError as error:
        raise NoSpace(f"{parent} (scratch) cannot be written: {error.strerror}.") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _needs(manifest: Manifest, folder: Path, target: Replacing) -> Iterator[Need]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield Need(folder, manifest.plain.bytes, "the dump, decrypted")
    data = target.data_directory()
    if data is not None:  # else the server is elsewhere, or its folder not ours to look at
        # Indexes are built by sorting, in files that go again. What is loaded is WAL, too, and
        # that stays until it has been shipped.
        yield Need(data, manifest.database.bytes * 9 // 4, "the database and its WAL")
