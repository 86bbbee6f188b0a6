"""What is deleted of the bucket, and the deleting.

A plan is a value: shown, then carried out. Deleting is of versions, since in a bucket with
Object Lock a plain delete only hides. The manifest goes first: cut anywhere, what is left is
no backup, and goes as a remnant later. A lock is no failure: what it holds stays and is said.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backups.errors import ManifestError, NotStored, StoreRefused
from backups.layout import (
    ID,
    WAL,
    Kind,
    manifest_key,
    object_key,
    started_at,
    verified_key,
)
from backups.manifest import MOST_BYTES, Manifest, parse_manifest
from backups.replay import ArchivedFile, Span
from backups.retention import Backup, decide
from backups.settings import Retention
from backups.store import Listed, Store, Unfinished
from backups.wal_files import wal_file_at

# An upload is given up after a day; a store may date an object by the upload's beginning.
UPLOAD_AGE, REMNANT_AGE = timedelta(days=1), timedelta(days=2)
MOST_AT_ONCE, FEW = 0.3, 3  # more of all backups go only when somebody has said so
AT_A_TIME = 8
_KEY = re.compile(rf"(?:verified/)?(?P<folder>dumps|bases)/(?P<id>{ID.pattern})[./].+")

Versions = tuple[Listed, ...]  # of one key, the oldest first


@dataclass(frozen=True, slots=True)
class Bucket:
    """All that lies there: the versions of each key, the manifests, the unfinished uploads."""

    held: Mapping[str, Versions]
    manifests: Mapping[str, Manifest | None]  # None: nobody can read it
    uploads: Sequence[Unfinished] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """Versions that go in this order, and what they are: dump, base, wal or remnant."""

    what: str
    name: str
    versions: Versions

    @property
    def bytes(self) -> int:
        """Return what the store has less afterwards."""
        return sum(one.bytes for one in self.versions)


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes, and why something old stays (by id). `unknown` keys are left alone."""

    removals: tuple[Removal, ...] = ()
    uploads: tuple[Unfinished, ...] = ()
    stays: Mapping[str, str] = field(default_factory=dict)
    backups: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def is_too_much(self) -> bool:
        """Tell whether so many backups go that somebody should have said so."""
        going = sum(one.what in set(Kind) for one in self.removals)
        return going > max(FEW, MOST_AT_ONCE * self.backups)


@dataclass(slots=True)
class Outcome:
    """What went, and the keys that a lock or the credentials held."""

    gone: list[Removal] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    aborted: int = 0


def read(store: Store) -> Bucket:
    """Read all of the bucket that is ours."""
    held = dict[str, list[Listed]]()
    for one in store.versions(""):
        held.setdefault(one.key, []).append(one)
    for versions in held.values():  # a store lists the newest first
        versions.sort(key=lambda one: (one.modified_at, one.is_marker))
    written = [key for key in held if key.endswith("/manifest.json")]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        read_ones = pool.map(lambda key: _manifest(store, key), written)
        manifests = dict(zip(written, read_ones, strict=True))
    uploads = tuple(store.unfinished())
    return Bucket({key: tuple(found) for key, found in held.items()}, manifests, uploads)


def plan(bucket: Bucket, now: datetime, retention: Retention) -> Plan:
    """Return what goes at `now`."""
    backups, wal = list(_backups(bucket)), list(_wal(bucket))
    decision = decide(backups, wal, now, days=retention.days, keep_verified=retention.keep_verified)
    keys = {one.id: _keys_of(Kind(one.kind), one.id) for one in backups}
    ours = {key for found in keys.values() for key in found} | {one.key for one in wal}
    rest = [key for key in bucket.held if key not in ours]
    remnants = [key for key in rest if _is_remnant(key)]
    old = now - REMNANT_AGE
    removals = (
        *(_removal(bucket, one.kind, one.id, keys[one.id]) for one in decision.backups),
        *(_removal(bucket, "wal", one.key, [one.key]) for one in decision.wal),
        *(
            _removal(bucket, "remnant", key, [key])
            for key in remnants
            if bucket.held[key][-1].modified_at < old
        ),
    )
    uploads = tuple(one for one in bucket.uploads if one.begun_at < now - UPLOAD_AGE)
    unknown = tuple(sorted(set(rest) - set(remnants)))
    return Plan(removals, uploads, decision.stays, len(backups), unknown)


def carry_out(store: Store, planned: Plan) -> Outcome:
    """Delete what is planned, several at a time."""
    outcome = Outcome()
    for upload in planned.uploads:
        outcome.aborted += _abort(store, upload)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        refusals = pool.map(lambda one: _delete(store, one), planned.removals)
        for removal, refused in zip(planned.removals, refusals, strict=True):
            if refused:
                outcome.refused.append(refused)
            else:
                outcome.gone.append(removal)
    return outcome


def _is_remnant(key: str) -> bool:
    """Tell whether it would be a part of a backup; that one never came to be, or is deleted."""
    found = _KEY.fullmatch(key)
    return found is not None and key in _keys_of(Kind(found["folder"][:-1]), found["id"])


def _manifest(store: Store, key: str) -> Manifest | None:
    try:
        return parse_manifest(store.read(key, MOST_BYTES))
    except (ManifestError, NotStored):
        return None


def _backups(bucket: Bucket) -> Iterator[Backup]:
    """Yield every backup whose manifest was ever written: who hid one has not deleted it."""
    for key, manifest in bucket.manifests.items():
        found = _KEY.fullmatch(key)
        kind = Kind(found["folder"][:-1]) if found else None
        if not found or not kind or key != manifest_key(kind, found["id"]):
            continue
        versions = [one for one in bucket.held[key] if not one.is_marker]
        if not versions:
            continue
        if manifest and (manifest.id, manifest.kind, len(versions)) != (found["id"], kind, 1):
            manifest = None  # another one's, or replaced by somebody: not to be believed
        yield Backup(
            found["id"],
            kind,
            max(started_at(found["id"]), versions[0].modified_at),
            _is_verified(bucket, kind, manifest),
            _span(manifest),
        )


def _is_verified(bucket: Bucket, kind: Kind, manifest: Manifest | None) -> bool:
    """Tell whether the drill restored it, and what it restored is still what lies there."""
    if manifest is None:
        return False
    record = bucket.held.get(verified_key(kind, manifest.id), ())
    content = bucket.held.get(object_key(kind, manifest.id), ())
    if not record or record[-1].is_marker or not content or content[-1].is_marker:
        return False
    is_as_long = content[-1].bytes == manifest.object.bytes
    return is_as_long and content[-1].modified_at <= record[-1].modified_at


def _span(manifest: Manifest | None) -> Span | None:
    if manifest is None or manifest.wal is None:
        return None
    return Span.of(manifest.database.system_identifier, manifest.wal.first, manifest.wal.last)


def _wal(bucket: Bucket) -> Iterator[ArchivedFile]:
    for key, versions in bucket.held.items():
        file = wal_file_at(key) if key.startswith(WAL) else None
        if file:
            yield ArchivedFile.of(key, file.system, file.name, versions[-1].modified_at)


def _keys_of(kind: Kind, backup_id: str) -> tuple[str, ...]:
    """Return its keys in the order in which they go."""
    return (
        manifest_key(kind, backup_id),
        object_key(kind, backup_id),
        verified_key(kind, backup_id),
    )


def _removal(bucket: Bucket, what: str, name: str, keys: Iterable[str]) -> Removal:
    """Return the removal of all versions of these keys, of each the oldest first."""
    versions = [one for key in keys for one in bucket.held.get(key, ())]
    return Removal(what, name, tuple(versions))


def _delete(store: Store, removal: Removal) -> str:
    """Delete it; return the key of the first version that may not go, and leave the rest."""
    for one in removal.versions:
        try:
            store.delete(one.key, one.version)
        except StoreRefused:
            return one.key
        except NotStored:
            continue
    return ""


def _abort(store: Store, upload: Unfinished) -> bool:
    try:
        store.abort(upload.key, upload.upload_id)
    except NotStored:
        return False
    return True
