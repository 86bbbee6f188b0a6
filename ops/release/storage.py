"""Where built releases are kept on the operator's machine, and how none is seen half-built."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from ops.errors import BuildFailed
from ops.release.archives import Archive, digest_of

# The last used ones: a rollback needs none of them, hosts keep their own. Packages are by Python.
MOST_KEPT = {"code": 20, "packages": 6}
WAIT_SECONDS = 900  # another build: both are after the same packages, as a rule
PAUSE_SECONDS = 0.2


class Storage:
    """A directory of archives: kind/id.tar.gz, and beside it kind/id.json, which comes last."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        named = environment.get("STILLHERE_RELEASES", "")
        cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        self.root = Path(named or Path(cache, "stillhere", "releases")).absolute()

    def find(self, kind: str, identity: str) -> Archive | None:
        """Return an archive that is there, whole and unharmed."""
        path = self._path(kind, identity)
        about = _about(path)
        try:
            archive = Archive(**json.loads(about.read_text("utf-8")) | {"path": path})
            with path.open("rb") as file:
                if digest_of(file) != archive.sha256:
                    return None
            os.utime(about)  # it is in use: see `prune`
        except (OSError, ValueError, TypeError):
            return None
        return archive

    def put(self, archive: Archive) -> Archive:
        """Take an archive in that was packed in `workplace`; return where it is now."""
        kept = replace(archive, path=self._path(archive.kind, archive.id))
        kept.path.parent.mkdir(parents=True, exist_ok=True)
        about = archive.path.with_name("about.json")
        with about.open("w", encoding="utf-8") as file:
            json.dump(asdict(kept) | {"path": kept.path.name}, file)
            file.flush()
            os.fsync(file.fileno())
        archive.path.replace(kept.path)
        about.replace(_about(kept.path))
        return kept

    def prune(self) -> None:
        """Delete what was not used for longest, and halves; only in `workplace`."""
        for kind, most in MOST_KEPT.items():
            abouts = (self.root / kind).glob("*.json")
            used = sorted(abouts, key=lambda one: one.stat().st_mtime, reverse=True)
            for about in used[most:]:
                about.unlink()
            for archive in (self.root / kind).glob("*.tar.gz"):
                if not _about(archive).exists():
                    archive.unlink()

    @contextlib.contextmanager
    def workplace(self, told: Callable[[str], None]) -> Iterator[Path]:
        """Give an empty directory to one build at a time; what a killed one left goes."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as lock:
            _wait_for(lock.fileno(), told)
            for left in self.root.glob("building-*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=self.root, prefix="building-") as place:
                yield Path(place)

    def _path(self, kind: str, identity: str) -> Path:
        return self.root / kind / f"{identity}.tar.gz"


def _about(archive: Path) -> Path:
    """Return the file that says what an archive is."""
    return archive.with_suffix("").with_suffix(".json")


def _wait_for(lock: int, told: Callable[[str], None]) -> None:
    deadline, is_told = time.monotonic() + WAIT_SECONDS, False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BuildFailed(
                    f"Another build has been at work here for {WAIT_SECONDS} s. End it first."
                ) from None
            if not is_told:
                told("Another build is at work here; waiting for it.")
                is_told = True
            time.sleep(PAUSE_SECONDS)
        else:
            return
