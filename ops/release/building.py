"""A commit becomes a release: this is where it is built, once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ops.agent.releasing import unpack_file
from ops.errors import BuildFailed
from ops.release.archives import Archive, pack
from ops.release.commits import REQUIREMENTS, Commit, export, find_commit, git
from ops.release.packages import PYTHONS, install, packages_id
from ops.release.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
STATIC_SECONDS = 120
_MANIFEST = "staticfiles.json"
_WHEN = 315_532_800  # 1980: the time of all files of packages; a zip file knows none before

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Release:
    """A commit, built. `packages` by Python: "3.13"."""

    id: str
    commit: str
    subject: str
    made_at: datetime
    migrations: tuple[str, ...]
    code: Archive
    packages: Mapping[str, Archive]


def build(
    commit: str = "",
    pythons: Sequence[str] = PYTHONS,
    *,
    root: Path = ROOT,
    environment: Mapping[str, str] = os.environ,
    told: Told = lambda _: None,
) -> Release:
    """Return the release of a commit for hosts with these Pythons; builds what is not there.

    "" is HEAD, and refused when the checkout differs from it. The same commit is
    the same release, byte for byte. BuildFailed says what, which, why, what to do.
    """
    if unknown := [one for one in pythons if one not in PYTHONS]:
        known = " and ".join(PYTHONS)
        raise BuildFailed(f"Releases are built for Python {known}, not for {', '.join(unknown)}.")
    found = find_commit(root, commit)
    storage = Storage(environment)
    requirements = git(root, "show", f"{found.id}:{REQUIREMENTS}") + "\n"
    with storage.workplace(told) as place:
        packages = {
            one: _packages(storage, requirements, one, place / one, told) for one in pythons
        }
        code = storage.find("code", found.release_id)
        if code is None:
            told(f"Building {found.release_id} {found.subject}")
            code = _code(storage, root, found, requirements, _ours(packages), place / "code")
        storage.prune()
    names = tuple(migrations(git(root, "ls-tree", "-r", "--name-only", found.id).split("\n")))
    return Release(found.release_id, found.id, found.subject, found.made_at, names, code, packages)


def migrations(names: Sequence[str]) -> list[str]:
    """Return the migrations among the files of a commit, as accounts.0001_initial, sorted."""
    parts = [Path(name).parts for name in names]
    return sorted(
        f"{one[1]}.{one[3].removesuffix('.py')}"
        for one in parts
        if len(one) == 4 and one[0] == "app" and one[2] == "migrations" and one[3][0].isdigit()
    )


def _packages(storage: Storage, requirements: str, python: str, place: Path, told: Told) -> Archive:
    identity = packages_id(requirements, python)
    if there := storage.find("packages", identity):
        return there
    told(f"Getting packages for Python {python}")
    site = place / "site"
    site.mkdir(parents=True)
    install(requirements, python, site, place)
    archive = pack(site, "packages", identity, place / "packages.tar.gz", _WHEN)
    shutil.rmtree(site)
    return storage.put(archive)


def _ours(packages: Mapping[str, Archive]) -> Archive:
    """Return the packages that this machine's Python can import more of than of others."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    return packages.get(mine) or packages[max(packages)]


def _code(
    storage: Storage, root: Path, commit: Commit, requirements: str, site: Archive, place: Path
) -> Archive:
    folder = place / "release"
    folder.mkdir(parents=True)
    export(root, commit, folder)
    shutil.rmtree(folder / Path(REQUIREMENTS).parts[0])
    files = [str(path.relative_to(folder)) for path in folder.rglob("*.py")]
    about = {
        "id": commit.release_id,
        "commit": commit.id,
        "subject": commit.subject,
        "made_at": commit.made_at.isoformat(),
        "packages": {one: packages_id(requirements, one) for one in PYTHONS},
        "migrations": migrations(files),
    }
    # First: by this file the settings know that they are a release's.
    (folder / "release.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    unpack_file(str(site.path), str(place / "site-packages"))
    _collect_static(folder, place)
    seconds = int(commit.made_at.timestamp())
    return storage.put(pack(folder, "code", commit.release_id, place / "code.tar.gz", seconds))


def _collect_static(folder: Path, place: Path) -> None:
    """Give every static file the name of its content, in `static/`, and nothing else there."""
    (place / "data").mkdir()
    # What this shell has set is not the release's: neither a database nor other settings.
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "STILLHERE_DATA_DIR": str(place / "data"),
        "PYTHONPATH": str(place / "site-packages"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=STATIC_SECONDS,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise BuildFailed(f"The static files cannot be collected:\n{done.stderr.strip()[-2_000:]}")
    static = folder / "static"
    manifest = json.loads((static / _MANIFEST).read_text("utf-8"))
    (static / _MANIFEST).write_text(json.dumps(manifest, sort_keys=True) + "\n", "utf-8")
    named = {static / name for name in manifest["paths"].values()} | {static / _MANIFEST}
    for path in static.rglob("*"):
        if path.is_file() and path not in named:
            path.unlink()
