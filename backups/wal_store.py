"""What the bucket has of WAL behind a base backup."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from backups import packets
from backups.errors import DamagedBackup, NotStored, RestoreRefused
from backups.layout import Kind
from backups.manifest import Manifest
from backups.parcel import Sealed
from backups.store import Store
from backups.wal_chain import Chain, chain
from backups.wal_files import FOLDER, WalFile, wal_file_at

_AT_ONCE = 8  # requests; each waits for the store, none for this machine


def base_for(at: datetime | None, manifests: Iterable[Manifest]) -> Manifest:
    """Return the base from which the way to the moment is shortest. `at` is aware; None is now.

    A base is of use from its end on. NotStored when there is none, RestoreRefused when the
    moment is before the oldest.
    """
    bases = sorted(
        (one for one in manifests if one.kind is Kind.BASE), key=lambda one: one.finished_at
    )
    if not bases:
        raise NotStored("There is no base backup: python -m backups run --base makes one.")
    enough = [one for one in bases if at is None or one.finished_at <= at]
    if not enough:
        oldest, wanted = bases[0].finished_at.isoformat(), at and at.astimezone(UTC).isoformat()
        raise RestoreRefused(f"The oldest base backup is of {oldest}, after {wanted}.")
    return enough[-1]


def chain_behind(store: Store, manifest: Manifest) -> Chain:
    """Return what is there behind a base, and what is missing."""
    return _found(store, manifest)[0]


def sealed_wal(store: Store, manifest: Manifest, lifetime: timedelta) -> tuple[Sealed, ...]:
    """Return the WAL for a base's parcel, in the order of recovery, locked.

    `lifetime` is how long the addresses work. The digest of what is stored is not known to
    who cannot read it (""): the key has that of the content, which is compared instead.
    """
    found, sizes = _found(store, manifest)

    def sealed(file: WalFile) -> Sealed:
        try:
            head = packets.head(store.head(file.key, packets.MOST_HEAD_BYTES))
        except ValueError as error:
            raise DamagedBackup(f"{file.key}: {error}.") from None
        url = store.link(file.key, lifetime)
        return Sealed(file.key, url, sizes[file.key], "", head, name=file.name)

    with ThreadPoolExecutor(_AT_ONCE, "heads") as pool:
        return tuple(pool.map(sealed, found.files))


def _found(store: Store, manifest: Manifest) -> tuple[Chain, dict[str, int]]:
    """Return the chain, and the size of each stored file by its key."""
    if manifest.wal is None:
        raise DamagedBackup(f"{manifest.id} is a base, and does not say which WAL it needs.")
    system = manifest.database.system_identifier
    sizes = {one.key: one.bytes for one in store.listed(f"{FOLDER}{system}/")}
    files = [file for key in sizes if (file := wal_file_at(key))]
    return chain(system, manifest.wal.last, files), sizes
