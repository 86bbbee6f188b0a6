"""A folder becomes one file, and the same folder becomes the same bytes."""

import gzip
import hashlib
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ops.errors import BuildFailed

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder of a release in one file. `kind`: code or packages; `id`: its folder on hosts."""

    kind: str
    id: str
    path: Path
    sha256: str
    size_bytes: int
    unpacked_bytes: int


def pack(folder: Path, kind: str, identity: str, path: Path, seconds: int) -> Archive:
    """Write the folder's files and nothing of this machine: `seconds` is every file's time.

    Order, owners, modes and times are fixed, so the bytes are a function of the contents.
    """
    unpacked = 0
    with path.open("wb") as file:
        with (
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
        ):
            for each in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).parts):
                about = _entry(each, each.relative_to(folder).as_posix(), seconds)
                unpacked += about.size
                if about.isdir():
                    archive.addfile(about)
                    continue
                with each.open("rb") as content:
                    archive.addfile(about, content)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as written:
        digest = digest_of(written)
    return Archive(kind, identity, path, digest, path.stat().st_size, unpacked)


def digest_of(file: BinaryIO) -> str:
    """Return the SHA-256 of what is left in a file, read in pieces."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _entry(path: Path, name: str, seconds: int) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.mtime = seconds
    if path.is_symlink() or not (path.is_dir() or path.is_file()):
        raise BuildFailed(f"{name} is neither a file nor a folder; a release has nothing else.")
    if path.is_dir():
        about.type, about.mode = tarfile.DIRTYPE, 0o755
        return about
    about.size = path.stat().st_size
    about.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    return about
