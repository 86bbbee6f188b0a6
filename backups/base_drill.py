"""The drill of a base backup: its files, all WAL behind it, and the application on the result.

    no gap -> files as PostgreSQL copied them -> replayed to the end -> newest ping, newest
    transaction of today -> the release's migrations -> a page

No rows are compared: what is replayed goes beyond the base. How new the end is shows that
WAL still comes.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from backups import cluster, counted, dump
from backups.application import database_url
from backups.base_restore import Base, programs_for, recovered_base
from backups.counted import Found
from backups.errors import DamagedBackup, NotVerified
from backups.manifest import Manifest
from backups.moments import said
from backups.parcel import Parcel
from backups.recovery import Reached, Recovering
from backups.wal_store import chain_behind

if TYPE_CHECKING:
    from backups.verify import Drill


def replay(drill: "Drill", parcel: Parcel, manifest: Manifest, oldest_end: datetime | None) -> None:
    """Replay a base to the end of WAL, and look at it.

    `oldest_end` is the moment that WAL has to have reached; None allows any.
    """
    if trouble := chain_behind(drill.store, manifest).trouble:
        raise NotVerified(f"{manifest.id}: {trouble}.")
    folder = drill.folder / "cluster"
    folder.mkdir(0o700)
    programs = programs_for(manifest, drill.settings.drill.postgresql_bin)
    cluster.ThrowAway(folder, programs).own(drill.folder)
    base = Base(parcel, folder, programs, drill.settings.store.authority, drill.parts)
    with recovered_base(base, None, is_kept=False) as (server, reached):
        with drill.parts.timed("count"):
            drill.found = _found(drill, server, manifest)
            _demand(manifest, drill.found, reached, oldest_end)
        url = database_url(folder, cluster.PORT, cluster.USER, manifest.database.name)
        drill.look_at(drill.application(url), manifest)


def _found(drill: "Drill", server: Recovering, manifest: Manifest) -> Found:
    conninfo = server.conninfo(manifest.database.name, server.superuser)
    with dump.connected(conninfo) as connection, dump.asking():
        return Found(*dump.counted(connection, drill.settings.source.tables))


def _demand(
    manifest: Manifest, found: Found, reached: Reached, oldest_end: datetime | None
) -> None:
    if trouble := counted.ping_trouble(manifest, found.newest_ping_at):
        raise DamagedBackup(f"{manifest.id} does not have what was copied: {trouble}.")
    end = reached.last_transaction_at
    if oldest_end is not None and (end is None or end < oldest_end):
        when = said(end) if end else "the end of the base itself"
        raise NotVerified(f"WAL behind {manifest.id} ends with {when}: is it still shipped?")
