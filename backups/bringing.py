"""What every restore begins with: whether it may be here, and is what was backed up."""

import os
from pathlib import Path
from typing import BinaryIO

from backups import fetch
from backups.errors import DamagedBackup, NoSpace, RestoreRefused
from backups.parcel import Parcel
from backups.parts import Parts


def refuse_to_replace(name: str, tables: int, replace: str | None) -> None:
    """Raise RestoreRefused unless the database is empty, or its name was said."""
    if replace is not None and replace != name:
        raise RestoreRefused(f"--replace {replace}: the database here is {name}.")
    if tables and replace is None:
        words = f"{name} has {tables} tables. --replace {name} restores in its place"
        raise RestoreRefused(f"{words}, and keeps it under another name. Nothing was changed.")


def brought(parcel: Parcel, path: Path, authority: Path | None, parts: Parts) -> None:
    """Fetch and decrypt into a new file; DamagedBackup unless it is what was backed up."""
    manifest = parcel.parsed()
    try:
        with parts.timed("fetch", parcel.object.size_bytes) as told, _private(path) as sink:
            found = fetch.unseal(parcel.object, sink, authority=authority, told=told)
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as error:
        raise NoSpace(f"{path} cannot be written: {error.strerror}.") from None
    if (found.size_bytes, found.sha256) != (manifest.plain.bytes, manifest.plain.sha256):
        raise DamagedBackup(f"{manifest.id}: what was decrypted is not what was backed up.")


def _private(path: Path) -> BinaryIO:
    """Make a new file that nobody else may read, whatever the umask is."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
