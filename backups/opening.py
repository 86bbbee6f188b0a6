"""Make a parcel of a backup: what the keeper can do, who may read the bucket."""

import json
from collections.abc import Iterator, Set
from datetime import datetime, timedelta

from backups import packets
from backups.errors import DamagedBackup, ManifestError, NotStored
from backups.layout import ID, Kind, manifest_key, object_key
from backups.manifest import Manifest, parse_manifest
from backups.parcel import Parcel, Sealed
from backups.progress import say
from backups.store import Store
from backups.wal_store import base_for, sealed_wal

LINK_LIFETIME = timedelta(hours=12)
_MANIFEST = "/manifest.json"


def newest(store: Store, kind: Kind) -> str:
    """Return the id of the newest backup of a kind. NotStored when there is none at all."""
    keys = [one.key for one in store.listed(kind.folder) if one.key.endswith(_MANIFEST)]
    ids = [key.removeprefix(kind.folder).removesuffix(_MANIFEST) for key in keys]
    found = [one for one in ids if ID.fullmatch(one)]
    if not found:
        raise NotStored(f"There is no {kind} at all: nothing below {kind.folder} has a manifest.")
    return max(found)


def base_at(store: Store, at: datetime | None) -> str:
    """Return the id of the base from which a moment is reached; errors as `base_for`.

    One that is of no use is said and passed over: an older one reaches the moment, too.
    """
    there = {one.key for one in store.listed(Kind.BASE.folder)}
    return base_for(at, list(_bases(store, there))).id


def _bases(store: Store, there: Set[str]) -> Iterator[Manifest]:
    for key in sorted(one for one in there if one.endswith(_MANIFEST)):
        try:
            manifest = parse_manifest(store.read(key))
            believe(manifest, Kind.BASE, key.split("/")[1])
        except (ManifestError, NotStored) as error:
            say(f"{key} is passed over: {error}")
            continue
        if manifest.object.key in there:
            yield manifest
        else:
            say(f"{key} is passed over: its object is missing.")


def parcel_of(store: Store, kind: Kind, backup: str) -> Parcel:
    """Return the parcel of a backup, locked. Its addresses work for twelve hours.

    NotStored when there is no such backup, ManifestError and DamagedBackup when it is of no use.
    """
    if not ID.fullmatch(backup):
        raise NotStored(f"{backup!r} is no id of a backup: see `list`.")
    raw = store.read(manifest_key(kind, backup))
    manifest = parse_manifest(raw)
    believe(manifest, kind, backup)
    wal = sealed_wal(store, manifest, LINK_LIFETIME) if kind is Kind.BASE else ()
    return Parcel(json.loads(raw), sealed(store, manifest), wal)


def sealed(store: Store, manifest: Manifest) -> Sealed:
    """Return a backup's object with its address and its head."""
    stored = manifest.object
    first = store.head(stored.key, packets.MOST_HEAD_BYTES) if stored.bytes else b""
    try:
        head = packets.head(first)
    except ValueError as error:
        raise DamagedBackup(f"{stored.key}: {error}.") from None
    url = store.link(stored.key, LINK_LIFETIME)
    return Sealed(stored.key, url, stored.bytes, stored.sha256, head)


def believe(manifest: Manifest, kind: Kind, backup: str) -> None:
    """Raise ManifestError for a manifest that lies where that of another backup has to."""
    wanted = (kind, backup, object_key(kind, backup))
    if (manifest.kind, manifest.id, manifest.object.key) != wanted:
        raise ManifestError(f"The manifest of {backup} is that of {manifest.kind} {manifest.id}.")
