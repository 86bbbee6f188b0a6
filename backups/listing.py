"""What backups there are: manifests and drills' records, held against what is in the bucket."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backups.errors import ManifestError, NotStored, StoreError
from backups.layout import ID, Kind, manifest_key, object_key, started_at, verified_key
from backups.manifest import MOST_BYTES, Manifest, parse_manifest
from backups.store import Listed, Store
from backups.wal_chain import chain
from backups.wal_files import FOLDER, WalFile, wal_file_at

_READERS = 8
_MOST_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, or what looks like one. Trouble is empty when all is well."""

    id: str
    kind: Kind
    manifest: Manifest | None
    verified_at: datetime | None
    trouble: str
    modified_at: datetime  # when its latest part came into the bucket
    wal_trouble: str = ""  # of a base: it can be restored, but not to every moment since

    @property
    def is_good(self) -> bool:
        """Return whether it can be restored, as far as a listing can tell."""
        return self.manifest is not None and not self.trouble

    def to_json(self) -> dict[str, Any]:
        """Return it as `list --json` has it."""
        known = self.manifest
        return {
            "id": self.id,
            "kind": self.kind,
            "engine": known.engine if known else None,
            "host": known.host if known else None,
            "started_at": started_at(self.id).isoformat(),
            "bytes": known.object.bytes if known else None,
            "plain_bytes": known.plain.bytes if known else None,
            "verified_at": self.verified_at.isoformat() if self.verified_at else None,
            "trouble": self.trouble or self.wal_trouble,
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """All of a bucket, oldest first."""

    backups: tuple[Backup, ...]
    unfinished_uploads: int

    @property
    def newest_verified(self) -> Backup | None:
        """Return the newest dump that a drill has restored. Bases do not count for it."""
        good = [
            one for one in self.backups if one.verified_at and one.is_good and one.kind is Kind.DUMP
        ]
        return max(good, key=lambda one: one.id, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as `list --json` has it."""
        newest = self.newest_verified
        at = newest.verified_at if newest else None
        return {
            "backups": [one.to_json() for one in self.backups],
            "newest_verified": {"id": newest.id, "kind": newest.kind, "at": at.isoformat()}
            if newest and at
            else None,
            "unfinished_uploads": self.unfinished_uploads,
        }


def listing(store: Store) -> Listing:
    """Return what is there. A store that does not answer is a StoreError."""
    found: dict[tuple[Kind, str], dict[str, Listed]] = {}
    for kind in Kind:
        for one in store.listed(kind.folder):
            backup_id = one.key.removeprefix(kind.folder).partition("/")[0]
            if ID.fullmatch(backup_id):
                found.setdefault((kind, backup_id), {})[one.key] = one
    records = {one.key for one in store.listed("verified/")}

    def read(named: tuple[Kind, str]) -> Backup:
        return _backup(store, named[0], named[1], found[named], records)

    with ThreadPoolExecutor(_READERS) as readers:
        known = sorted(readers.map(read, list(found)), key=lambda one: one.id)
    return Listing(tuple(_with_wal(store, known)), sum(1 for _ in store.unfinished()))


def _backup(
    store: Store, kind: Kind, backup_id: str, found: Mapping[str, Listed], records: set[str]
) -> Backup:
    manifest, trouble = None, "no manifest: it was not completed, or is being taken"
    written = found.get(manifest_key(kind, backup_id))
    if written is not None:
        try:
            manifest = parse_manifest(store.read(written.key, MOST_BYTES))
            stored = found.get(object_key(kind, backup_id))
            trouble = _trouble(manifest, kind, backup_id, stored, written)
        except (ManifestError, StoreError) as error:
            trouble = str(error)
    record = verified_key(kind, backup_id)
    verified_at = _verified_at(store, record) if record in records else None
    modified_at = max(one.modified_at for one in found.values())
    return Backup(backup_id, kind, manifest, verified_at, trouble, modified_at)


def _trouble(
    manifest: Manifest, kind: Kind, backup_id: str, stored: Listed | None, written: Listed
) -> str:
    """Return what does not fit, or nothing."""
    if (manifest.id, manifest.kind) != (backup_id, kind):
        return f"its manifest is of {manifest.kind} {manifest.id}"
    if manifest.object.key != object_key(kind, backup_id):
        return f"its manifest names {manifest.object.key}"
    if stored is None:
        return "its object is missing"
    if stored.bytes != manifest.object.bytes:
        return f"its object has {stored.bytes} bytes, and should have {manifest.object.bytes}"
    if written.modified_at < manifest.finished_at - _MOST_CLOCK_SKEW:
        return "it says that it was finished after it was stored: its host's clock was wrong"
    return ""


def _with_wal(store: Store, backups: list[Backup]) -> list[Backup]:
    """Return the backups; bases say what is wrong with the WAL behind them."""
    if not any(one.kind is Kind.BASE for one in backups):
        return backups
    files = [file for one in store.listed(FOLDER) if (file := wal_file_at(one.key))]
    return [replace(one, wal_trouble=_wal_trouble(one.manifest, files)) for one in backups]


def _wal_trouble(manifest: Manifest | None, files: list[WalFile]) -> str:
    if manifest is None or manifest.wal is None:
        return ""
    return chain(manifest.database.system_identifier, manifest.wal.last, files).trouble


def _verified_at(store: Store, key: str) -> datetime | None:
    """Return when the drill was through with it; none when its record says nothing."""
    try:
        at = datetime.fromisoformat(json.loads(store.read(key))["at"])
    except (NotStored, ValueError, KeyError, TypeError):
        return None
    return at.astimezone(UTC) if at.tzinfo else None
