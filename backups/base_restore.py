"""A base backup becomes a data directory again, at a moment: fetched, checked, recovered.

into/data          the cluster's files; when all is done, a primary that was stopped cleanly
into/unfinished    stands until then; a rerun clears away what it finds beside it
"""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backups.cluster import ThrowAway, programs
from backups.disk import Need, demand
from backups.errors import ClusterError, DamagedBackup, RestoreRefused
from backups.fetch import unseal
from backups.manifest import Manifest
from backups.parcel import Parcel, Sealed
from backups.parts import Parts
from backups.recovery import Reached, Recovering, check_files, recovered
from backups.wal_feed import WalFeed
from backups.wal_files import SEGMENT_BYTES, wal_file_at

WAL_ROOM_BYTES = 64 * SEGMENT_BYTES  # pg_wal while it recovers: a checkpoint's worth
_UNFINISHED = "unfinished"


@dataclass(slots=True)
class Base:
    """A base on its way back."""

    parcel: Parcel
    folder: Path
    programs: Path
    authority: Path | None
    parts: Parts

    @property
    def manifest(self) -> Manifest:
        """Return what the backup says of itself."""
        return self.parcel.parsed()


@dataclass(frozen=True, slots=True)
class RestoredFiles:
    """Where the data directory is and what it has reached; `seconds` by part."""

    data: Path
    reached: Reached
    seconds: dict[str, float]


def restore_to(base: Base, at: datetime | None) -> RestoredFiles:
    """Make the data directory at the moment (aware; None: the end of WAL), and stop there.

    RestoreRefused when the folder has anything that is not ours, or the moment is before
    the base.
    """
    _refuse_a_moment_before(base.manifest, at)
    _claim(base.folder)
    with recovered_base(base, at, is_kept=True) as (_, reached):
        pass
    for path in base.folder.iterdir():
        if path.name not in {"data", _UNFINISHED}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    subprocess.run(["sync", "--file-system", str(base.folder)], check=True, timeout=3600)
    (base.folder / _UNFINISHED).unlink()
    return RestoredFiles(base.folder / "data", reached, dict(base.parts.seconds))


@contextlib.contextmanager
def recovered_base(
    base: Base, at: datetime | None, *, is_kept: bool
) -> Iterator[tuple[Recovering, Reached]]:
    """Run a server on a base that has reached the moment. The folder is there, and ours.

    NoSpace before anything is fetched.
    """
    cluster = ThrowAway(base.folder, base.programs)
    size = base.parcel.object.size_bytes
    demand(
        [
            Need(base.folder, base.manifest.plain.bytes, "the files"),
            Need(base.folder, WAL_ROOM_BYTES, "WAL while it is replayed"),
        ]
    )
    with base.parts.timed("files", size) as told:
        _unpack(base, cluster, told)
    with base.parts.timed("check the files"):
        check_files(cluster)
    with contextlib.ExitStack() as stack:
        wal = sum(one.size_bytes for one in base.parcel.wal)
        with base.parts.timed("replay WAL", wal) as told:
            feed = _feed(base, cluster, told)
            work = recovered(base.folder, base.programs, feed, at, is_kept=is_kept)
            found = stack.enter_context(work)
        yield found


def programs_for(manifest: Manifest, wanted: Path | None) -> Path:
    """Return PostgreSQL's programs of the very version: files are no dump. ClusterError."""
    major = int(manifest.versions.server.split(".")[0])
    found = programs(wanted, major)
    if wanted is None and found.parent.name != str(major):
        raise ClusterError(f"PostgreSQL {major} is not installed here: postgresql-{major}.")
    return found


def _feed(base: Base, cluster: ThrowAway, told: Callable[[int], None]) -> WalFeed:
    """Return what gives the parcel's WAL. `told` hears how many stored bytes were asked for."""
    folder = base.folder / "wal"
    folder.mkdir(0o700)
    cluster.own(folder)
    by_name = {one.name: one for one in base.parcel.wal}
    asked = set[str]()

    def fetch(name: str, path: Path) -> None:
        _fetch(base, by_name[name], path)

    def hear(name: str) -> None:
        asked.add(name)
        told(sum(by_name[one].size_bytes for one in asked))

    return WalFeed(folder, list(by_name), fetch, cluster.own, hear)


def _refuse_a_moment_before(manifest: Manifest, at: datetime | None) -> None:
    if at is not None and at < manifest.finished_at:
        ended, wanted = manifest.finished_at.isoformat(), at.astimezone(UTC).isoformat()
        raise RestoreRefused(f"{manifest.id} ended at {ended}, after {wanted}: take an older base.")


def _claim(folder: Path) -> None:
    """Have the folder, empty but for the mark. What another try has left goes."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    mark = folder / _UNFINISHED
    if not mark.exists() and any(folder.iterdir()):
        raise RestoreRefused(f"{folder} is not empty: name a folder that is, or is not there yet.")
    mark.touch()
    for path in folder.iterdir():
        if path != mark:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _unpack(base: Base, cluster: ThrowAway, told: Callable[[int], None]) -> None:
    """Fetch, decrypt and unpack in one stream. DamagedBackup when it is not what was stored."""
    cluster.data.mkdir(0o700)
    command = ["tar", "--extract", "--no-same-owner", "--directory", str(cluster.data)]
    sealed = base.parcel.object
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen([*command, "--file", "-"], stdin=subprocess.PIPE, stderr=errors) as tar,
    ):
        assert tar.stdin is not None
        try:
            plain = unseal(sealed, tar.stdin, authority=base.authority, told=told)
            tar.stdin.close()
        except BrokenPipeError:
            plain = None
        except BaseException:
            tar.kill()
            raise
        status = tar.wait()
        errors.seek(0)
        said = errors.read(2000).decode("utf-8", "replace").strip()
    if plain is None or status:
        raise DamagedBackup(f"{sealed.key} is no whole archive, or cannot be written: {said}")
    if plain.sha256 != base.manifest.plain.sha256:
        raise DamagedBackup(f"{sealed.key} is not what its manifest says: another SHA-256.")
    cluster.own(base.folder, cluster.data, *cluster.data.rglob("*"))


def _fetch(base: Base, sealed: Sealed, path: Path) -> None:
    """Bring one WAL file; its key says what has to be in it."""
    with path.open("wb") as file:
        plain = unseal(sealed, file, authority=base.authority, told=lambda _: None)
    wanted = wal_file_at(sealed.key)
    if wanted is None or not plain.sha256.startswith(wanted.digest):
        raise DamagedBackup(f"{sealed.key} has another content than its name says.")
