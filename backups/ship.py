"""Upload the WAL that PostgreSQL has left in the spool, oldest first, and delete it there.

Cut off anywhere, the next run goes on: the key names the content, so what was uploaded
already is told so by the store, and only then is it deleted here. The first file that
fails ends the run: in the bucket, no file of a cluster is newer than one that is missing.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from backups.encrypt import Keyring
from backups.errors import AlreadyStored, SettingsError
from backups.store import Store
from backups.wal_files import WalFile, is_wal_name


@dataclass(frozen=True, slots=True)
class Shipped:
    """How many files went, how many of them were in the bucket already, and all their bytes."""

    files: int
    known: int
    bytes: int


def waiting(spool: Path) -> list[Path]:
    """Return the files of the spool, by cluster, oldest first. SettingsError without a spool."""
    try:
        clusters = sorted(one for one in spool.iterdir() if one.name.isdecimal() and one.is_dir())
    except OSError as error:
        raise SettingsError(f"wal.spool: {spool} cannot be read: {error.strerror}.") from None
    return [
        path for folder in clusters for path in sorted(folder.iterdir()) if is_wal_name(path.name)
    ]


def ship(spool: Path, store: Store, keys: Keyring) -> Shipped:
    """Ship what is waiting, encrypted for `keys`.

    A file has 16 MB and is held in memory whole. StoreError and EncryptionError leave the
    rest where it is.
    """
    paths = waiting(spool)
    known = size = 0
    for path in paths:
        content = path.read_bytes()
        file = WalFile(path.parent.name, path.name, hashlib.sha256(content).hexdigest()[:16])
        try:
            store.put(file.key, _encrypted(content, keys))
        except AlreadyStored:
            known += 1
        path.unlink()
        size += len(content)
    return Shipped(len(paths), known, size)


def _encrypted(content: bytes, keys: Keyring) -> bytes:
    sealed = bytearray()
    keys.encrypt(io.BytesIO(content), sealed.extend, is_compressed=False)
    return bytes(sealed)
