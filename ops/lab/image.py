"""The root file system that all hosts share: this is where it is built, once per content.

It appears under its name only when it is whole. Its name has a digest of what
goes into it, so that a changed list of packages makes another one.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ops.errors import LabError
from ops.lab import cgroups, packages, sources
from ops.lab.lock import holding
from ops.lab.machine import must, run
from ops.lab.plan import Lab
from ops.lab.sources import CODENAMES, Source

_BUILD_SECONDS = 900.0
# Where a host finds the package files; its only source of packages.
_ARCHIVE = "var/lib/stillhere-packages"
_FILES = {
    "etc/apt/sources.list": f"deb [trusted=yes] file:/{_ARCHIVE} ./\n",
    "etc/apt/apt.conf.d/90lab": 'Acquire::Languages "none";\n',
    "etc/default/locale": "LANG=C.UTF-8\n",  # else PostgreSQL makes a cluster in ASCII
    "etc/machine-id": "uninitialized\n",
    "etc/resolv.conf": "",
}
# Each is told the root file system as $1.
_HOOKS = (
    # One call each: some exclude others, and each is to bring what it depends on.
    f"""mkdir -p "$1/{_ARCHIVE}"
    for package in {" ".join(packages.KEPT)}; do
        chroot "$1" apt-cache show "$package" >/dev/null 2>&1 || continue
        chroot "$1" apt-get -qq install --download-only --yes --no-install-recommends \\
            -o Dir::Cache::archives=/{_ARCHIVE} "$package"
    done""",
    # Nothing of the network's, and nothing that would go to the network by itself.
    f"""rm -rf "$1/{_ARCHIVE}/partial" "$1/{_ARCHIVE}/lock" "$1"/etc/ssh/ssh_host_*
    rm -f "$1"/etc/apt/sources.list.d/* "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/hostname"
    chroot "$1" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer \\
        systemd-firstboot.service console-getty.service""",
)


def base_image(lab: Lab, release: int, say: Callable[[str], None]) -> Path:
    """Return the root file system of a Debian release, built when it is not there."""
    if release not in CODENAMES:
        known = " and ".join(str(number) for number in sorted(CODENAMES))
        raise LabError(f"The lab knows Debian {known}, not {release}.")
    image = lab.directory / "images" / image_name(release)
    with holding(f"stillhere-image-{image.name}", _BUILD_SECONDS):
        if not image.exists():
            say(f"building the root file system of Debian {release}; this takes a minute")
            _build(lab, release, image)
    return image


def image_name(release: int) -> str:
    """Return the name of the image that is wanted now; it changes with the content."""
    content = (CODENAMES[release], packages.INSTALLED, packages.KEPT, _FILES, _HOOKS)
    digest = hashlib.sha256(repr(content).encode()).hexdigest()[:12]
    return f"debian-{release}-{digest}"


def remove_unfinished(lab: Lab) -> None:
    """Remove what a build of this lab left behind that was interrupted."""
    for left in (lab.directory / "images").glob(f".{lab.prefix}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _build(lab: Lab, release: int, image: Path) -> None:
    remove_unfinished(lab)
    building = image.parent / f".{lab.prefix}-{image.name}"
    image.parent.mkdir(parents=True, exist_ok=True)
    command = ["mmdebstrap", "--mode=root", "--variant=important", "--quiet"]
    command += [f"--include={','.join(packages.INSTALLED)}"]
    command += [f"--aptopt={option}" for option in _acquire_options()]
    command += [f"--customize-hook={hook}" for hook in _HOOKS]
    command += [CODENAMES[release], str(building), "-"]
    lines = [source.line() for source in _available_sources(release)]
    # A mount namespace of its own: what the build mounts goes with it, however it ends.
    private = ["unshare", "--mount", "--propagation", "slave", *command]
    cgroup = cgroups.made(lab, "image")
    try:
        stdin = "\n".join(lines) + "\n"
        must(cgroups.inside(cgroup, private), stdin=stdin, timeout_seconds=_BUILD_SECONDS)
    finally:
        cgroups.end(cgroup)
    for name, text in _FILES.items():
        (building / name).unlink(missing_ok=True)
        (building / name).write_text(text, "utf-8")
    _write_index(building / _ARCHIVE)
    must(["chroot", str(building), "apt-get", "-qq", "update"], timeout_seconds=60)
    # Else each host, at its first start, does what follows an update of /usr.
    for name in ("etc/.updated", "var/.updated"):
        (building / name).touch()
    building.rename(image)


def _acquire_options() -> list[str]:
    """Return how the machine fetches packages (a proxy, for instance), as apt says it."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    dump = must(["apt-config", "dump", "--no-empty", "--format", '%F "%v";%n'])
    return [line for line in dump.splitlines() if line.startswith(wanted)]


def _available_sources(release: int) -> list[Source]:
    """Return the machine's sources for the release, without suites that are not served."""
    own = run(["sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"']).stdout.strip()
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    files = [place for place in places if place.suffix in {".list", ".sources"}]
    texts = {str(file): file.read_text("utf-8") for file in files if file.is_file()}
    found = sources.exchanged(texts, own, release)
    served = [source for source in found if _is_served(source)]
    if CODENAMES[release] not in {source.suite for source in served}:
        why = f"None of this machine's apt sources serves {CODENAMES[release]}"
        raise LabError(f"{why}. Look into /etc/apt/sources.list and sources.list.d.")
    return served


def _is_served(source: Source) -> bool:
    address = f"{source.uri.rstrip('/')}/dists/{source.suite}/InRelease"
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["/usr/lib/apt/apt-helper", "download-file", address, f"{folder}/InRelease"]
        return run(fetch, timeout_seconds=60).returncode == 0


def _write_index(archive: Path) -> None:
    """Write the index by which apt takes a folder of package files for an archive."""
    stanzas = []
    for file in sorted(archive.glob("*.deb")):
        fields = must(["dpkg-deb", "--field", str(file)]).rstrip()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        place = f"Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"
        stanzas.append(f"{fields}\n{place}")
    (archive / "Packages").write_text("\n".join(stanzas), "utf-8")
