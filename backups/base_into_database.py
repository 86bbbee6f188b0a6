"""Bring a database back as it was at a moment, into the server that runs.

    base and WAL -> a server of its own, at the moment -> dump -> as the restore of a dump

Hosts, roles, other databases and replication stay as they are. It takes the disk of the
whole cluster once more, for as long as it takes.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace as changed
from datetime import datetime
from pathlib import Path

from backups import dump
from backups.base_restore import WAL_ROOM_BYTES, Base, programs_for, recovered_base
from backups.bringing import refuse_to_replace
from backups.cluster import ThrowAway
from backups.disk import Need, demand
from backups.encrypt import BLOCK_BYTES
from backups.manifest import Manifest
from backups.parcel import Parcel
from backups.parts import Parts
from backups.replacing import Replacing, replacing
from backups.restore import Restored, loaded, scratch
from backups.settings import Settings


def restore_at(
    parcel: Parcel, settings: Settings, at: datetime | None, replace: str | None, parts: Parts
) -> Restored:
    """Restore the settings' database as of `at` (aware; None: the end of WAL).

    `replace` and errors are as in `restore`; ClusterError when WAL does not reach so far.
    """
    with replacing(settings.source.conninfo) as target:
        before = target.before()
        refuse_to_replace(target.name, before.tables if before else 0, replace)
        demand(list(_needs(parcel.parsed(), settings.scratch, target)))
        with scratch(settings.scratch) as folder:
            path, manifest = _dumped(parcel, settings, at, folder, parts)
            counts = loaded(path, manifest, target, before, parts)
        with parts.timed("take the name"):
            kept = target.take_name(before, manifest.id)
    return Restored(manifest.id, target.name, kept, counts, parts.seconds, manifest.object.bytes)


def _dumped(
    parcel: Parcel, settings: Settings, at: datetime | None, folder: Path, parts: Parts
) -> tuple[Path, Manifest]:
    """Return a dump of the moment, and a manifest that has its rows."""
    manifest, place, path = parcel.parsed(), folder / "cluster", folder / "dump"
    programs = programs_for(manifest, settings.drill.postgresql_bin)
    place.mkdir(0o700)
    ThrowAway(place, programs).own(folder)
    base = Base(parcel, place, programs, settings.store.authority, parts)
    with recovered_base(base, at, is_kept=False) as (server, _), parts.timed("dump"):
        conninfo = server.conninfo(manifest.database.name, server.superuser)
        with (
            dump.dumping(changed(settings.source, conninfo=conninfo)) as dumping,
            path.open("xb") as file,
        ):
            output = dumping.stream()
            while data := output.read(BLOCK_BYTES):
                file.write(data)
            content = dumping.finish()
    shutil.rmtree(place)
    database = changed(manifest.database, bytes=dumping.facts.database.bytes)
    return path, changed(
        manifest,
        database=database,
        counts=content.counts,
        newest_ping_at=content.newest_ping_at,
    )


def _needs(manifest: Manifest, folder: Path, target: Replacing) -> Iterator[Need]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield Need(folder, manifest.plain.bytes + WAL_ROOM_BYTES, "the files of the base")
    yield Need(folder, manifest.database.bytes, "a dump of them")
    data = target.data_directory()
    if data is not None:
        yield Need(data, manifest.database.bytes * 9 // 4, "the database and its WAL")
