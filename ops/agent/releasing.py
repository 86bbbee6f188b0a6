"""Releases on the host: what is there, taking one in, switching to it, letting old ones go.

    /srv/stillhere/releases/ID/      app/ manage.py static/ release.json; site-packages -> packages
    /srv/stillhere/packages/ID/      third-party packages, for this host's Python
    /srv/stillhere/current           -> releases/ID
    /srv/stillhere/static/           the static files of all releases that are kept
    /srv/stillhere/switched.json     which release was current, since when, by whom; the newest last
    /srv/stillhere/incoming/         what is on its way; nothing in it is ever used

What has its name in releases/ or packages/ is whole: it is unpacked in incoming/, brought
to the disk, and renamed.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import syslog
import time
from typing import Any

from ops.agent.commands import Failed, run

HOME = "/srv/stillhere"
RELEASES = HOME + "/releases"
PACKAGES = HOME + "/packages"
INCOMING = HOME + "/incoming"
STATIC = HOME + "/static"
CURRENT = HOME + "/current"
SWITCHED = HOME + "/switched.json"
MANIFEST = "staticfiles.json"  # of one release; it is not served
MOST_SWITCHES = 20
SPARE_BYTES = 200_000_000  # a host whose disk is full has worse trouble than an old release


def releases() -> dict[str, Any]:
    """Return what is here, and what may come."""
    return {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "machine": os.uname().machine,
        "releases": [see_release(name) for name in names_in(RELEASES)],
        "packages": names_in(PACKAGES),
        "current": current(),
        "switches": switches(),
    }


def see_release(name: str) -> dict[str, Any]:
    """Return a release's packages, when it came and of what it was made."""
    about: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError), open(f"{RELEASES}/{name}/release.json") as file:
        about = json.load(file)
    packages = ""
    with contextlib.suppress(OSError):
        packages = os.path.basename(os.readlink(f"{RELEASES}/{name}/site-packages"))
    return {
        "id": name,
        "subject": str(about.get("subject", "")),
        "packages": packages,
        "arrived": os.stat(f"{RELEASES}/{name}").st_mtime,
    }


def names_in(folder: str) -> list[str]:
    """Return the names that are ours in a folder."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(folder) if is_id(name))
    return []


def is_id(name: str) -> bool:
    """Tell whether it is the name of a release or of packages: no path is made of anything else."""
    return re.fullmatch("[0-9a-f]{12}", name) is not None


def current() -> str:
    """Return the release that the link names, "" when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.basename(os.readlink(CURRENT))
    return ""


def switches() -> list[dict[str, str]]:
    """Return the switches that are remembered, the newest last."""
    with contextlib.suppress(OSError, ValueError), open(SWITCHED) as file:
        said = json.load(file)
        if isinstance(said, list):
            return said
    return []


def make_room(need_bytes: int) -> dict[str, Any]:
    """Sweep what earlier uploads left, and refuse what does not fit."""
    shutil.rmtree(INCOMING, ignore_errors=True)
    for folder in (HOME, RELEASES, PACKAGES, STATIC, INCOMING):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o700 if folder == INCOMING else 0o755)
    free = shutil.disk_usage(HOME).free
    if free < need_bytes + SPARE_BYTES:
        raise Failed(
            f"{HOME} has {free // 10**6} MB free; the release needs {need_bytes // 10**6} MB, and "
            f"{SPARE_BYTES // 10**6} MB have to stay. Make room, or prune old releases."
        )
    return {}


def unpack(kind: str, id: str, sha256: str, packages: str = "") -> dict[str, Any]:  # noqa: A002
    """Take in the archive that has arrived: checked, unpacked, on the disk, then renamed."""
    if kind not in ("code", "packages") or not is_id(id):
        raise Failed(f"{kind} {id} is no part of a release.")
    archive, beside = f"{INCOMING}/{kind}-{id}.tar.gz", f"{INCOMING}/{kind}-{id}"
    final = f"{RELEASES if kind == 'code' else PACKAGES}/{id}"
    if file_digest(archive) != sha256:
        raise Failed(f"{kind} {id} did not arrive as it was sent. Deploy again.")
    shutil.rmtree(beside, ignore_errors=True)
    unpack_file(archive, beside)
    if kind == "code":
        link_packages(beside, packages)
    compile_python(beside)
    os.utime(beside)  # when it came
    run(["sync", "--file-system", beside], timeout=300)
    if os.path.isdir(final):  # somebody else was quicker
        shutil.rmtree(beside)
    else:
        os.rename(beside, final)
    sync_folder(os.path.dirname(final))
    os.unlink(archive)
    return {}


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file; "" when there is none."""
    digest = hashlib.sha256()
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()
    return ""


def unpack_file(archive: str, folder: str) -> None:
    """Unpack files and folders and nothing else: no link, no device, nothing outside.

    What tarfile's own filter does, which Debian 12's Python does not have yet.
    """
    import tarfile  # here: a tenth of the agent's start, and most sessions unpack nothing

    os.makedirs(folder, 0o755)
    with tarfile.open(archive, "r:gz") as packed:
        for each in packed:
            path = os.path.normpath(os.path.join(folder, each.name))
            if not path.startswith(folder + "/") or not (each.isreg() or each.isdir()):
                raise Failed(f"{each.name} in {archive} is no file of a release.")
            if each.isdir():
                os.mkdir(path)
                os.chmod(path, 0o755)
                continue
            content = packed.extractfile(each)
            assert content is not None  # it is a file
            with content, open(path, "xb") as file:
                shutil.copyfileobj(content, file)
            os.chmod(path, 0o755 if each.mode & 0o100 else 0o644)
            os.utime(path, (each.mtime, each.mtime))


def compile_python(folder: str) -> None:
    """Compile once for all starts: the service may not write here, and would do so each time.

    A file that does not compile fails when it is imported, if ever.
    """
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, folder], capture_output=True, timeout=600)


def link_packages(release: str, packages: str) -> None:
    """Point a release to its packages, at once."""
    if packages not in names_in(PACKAGES):
        raise Failed(f"The packages {packages} of {os.path.basename(release)} are not here.")
    swap_link(f"{release}/site-packages", f"../../packages/{packages}")


def swap_link(path: str, target: str) -> None:
    """Make a link say something else; there is no moment without it."""
    beside = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    os.symlink(target, beside)
    os.replace(beside, path)
    sync_folder(os.path.dirname(path))


def sync_folder(path: str) -> None:
    """Bring renames in a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(release: str, packages: str) -> dict[str, Any]:
    """Make a release that is here ready to be switched to: its packages and its static files."""
    if release not in names_in(RELEASES):
        raise Failed(f"The release {release} is not here.")
    link_packages(f"{RELEASES}/{release}", packages)
    source = f"{RELEASES}/{release}/static"
    for name in static_files(source):
        path = f"{STATIC}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # Its name says its content: one that is there is the same file.
        with contextlib.suppress(FileExistsError):
            os.link(f"{source}/{name}", path)
    return {}


def static_files(folder: str) -> list[str]:
    """Return the paths of the files that are served, relative to the folder."""
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.relpath(f"{place}/{name}", folder) for name in names if name != MANIFEST]
    return found


def switch(release: str, by: str, audit: str) -> dict[str, Any]:
    """Make a release the current one. What runs keeps its own until it is started anew."""
    if release not in names_in(RELEASES):
        raise Failed(f"The release {release} is not here. It has to be brought first.")
    if not os.path.isdir(f"{RELEASES}/{release}/site-packages"):
        raise Failed(f"The release {release} lacks its packages. It has to be brought again.")
    if release == current():
        return {}
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    remembered = [*switches(), {"release": release, "since": since, "by": by}]
    # First: a switch that is cut in between is one that the link knows nothing of.
    with open(f"{SWITCHED}.new", "w") as file:
        json.dump(remembered[-MOST_SWITCHES:], file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{SWITCHED}.new", SWITCHED)
    swap_link(CURRENT, f"releases/{release}")
    syslog.openlog("stillhere-ops", 0, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_NOTICE, audit)
    return {}


def let_go(releases: list[str], packages: list[str]) -> dict[str, Any]:
    """Delete releases and packages, and static files that no release here has any more."""
    stay = [name for name in names_in(RELEASES) if name not in releases]
    used = {see_release(name)["packages"] for name in stay}
    if current() in releases or used & set(packages):
        raise Failed("What is in use does not go: the current release, and packages of any.")
    os.makedirs(INCOMING, mode=0o700, exist_ok=True)
    for folder, names in ((RELEASES, releases), (PACKAGES, packages)):
        for name in set(names) & set(names_in(folder)):
            # Away at once: half of one must never stand under its name.
            away = f"{INCOMING}/gone-{os.path.basename(folder)}-{name}"
            shutil.rmtree(away, ignore_errors=True)
            os.rename(f"{folder}/{name}", away)
            shutil.rmtree(away)
    kept = {one for name in stay for one in static_files(f"{RELEASES}/{name}/static")}
    for name in set(static_files(STATIC)) - kept:
        os.unlink(f"{STATIC}/{name}")
    return {}
