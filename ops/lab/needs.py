"""What the machine must have: this is where a lab says plainly why it cannot stand here."""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ops.errors import LabError
from ops.lab import cgroups, object_store
from ops.lab.machine import ENVIRONMENT, run
from ops.lab.plan import Lab

# What is looked for, and the package of Debian that has it.
_TOOLS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
    "gpg": "gnupg",
    "unshare": "util-linux",
    "apt-config": "apt",
}
_INOTIFY_INSTANCES = 1024
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def check(lab: Lab) -> None:
    """LabError that names all that is missing, and how to get it."""
    check_root()
    missing = missing_packages()
    if missing:
        why = f"The lab needs packages that are not here: {', '.join(missing)}"
        raise LabError(f"{why}. As root: apt-get install {' '.join(missing)}")
    if not object_store.program().exists():
        raise LabError(f"{object_store.program()}, the lab's S3, is missing: make setup gets it.")
    cgroup = cgroups.top(lab).parent
    if not (cgroup / "cgroup.procs").exists() or not os.access(cgroup, os.W_OK):
        raise LabError(f"The cgroup2 at {cgroup} cannot be written, and the lab needs it.")
    if run(["unshare", "--mount", "--net", "true"]).returncode != 0:
        raise LabError("This machine allows no new namespaces; a container needs --privileged.")
    _check_overlay(lab.directory)


def make_room(say: Callable[[str], None]) -> None:
    """Raise the machine's limit of inotify instances, which two labs would pass.

    A host takes six when idle and more with services; the kernel's 128 are
    for all hosts together. It is a limit, not a resource: it stays until the
    machine boots again.
    """
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    with suppress(OSError):  # a container may not; then one lab has to do
        now = int(limit.read_text("utf-8"))
        if now < _INOTIFY_INSTANCES:
            limit.write_text(str(_INOTIFY_INSTANCES))
            say(f"fs.inotify.max_user_instances was {now}, is {_INOTIFY_INSTANCES}")


def check_root() -> None:
    """LabError unless we are root on Linux."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise LabError("The lab needs root on Linux: it makes network namespaces and mounts.")


def missing_packages() -> list[str]:
    """Return the packages of Debian that the lab needs and that are not here."""
    path = ENVIRONMENT["PATH"]
    missing = [package for tool, package in _TOOLS.items() if not shutil.which(tool, path=path)]
    return missing if _KEYRING.exists() else [*missing, "debian-archive-keyring"]


def _check_overlay(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if run(["stat", "--file-system", "--format=%T", str(directory)]).stdout.strip() == "overlayfs":
        why = f"{directory} is on an overlay file system, which cannot carry another one"
        raise LabError(f"{why}. Set STILLHERE_LAB_DIR to a directory on a disk.")
