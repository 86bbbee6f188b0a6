"""What the machine must have: this is where a lab says plainly that it cannot stand here, and why."""

import os
import shutil
import sys
from pathlib import Path

from ops.errors import LabError
from ops.lab import cgroups
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
    "sysctl": "procps",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def check(lab: Lab) -> None:
    """LabError that names all that is missing, and how to get it."""
    check_root()
    missing = missing_packages()
    if missing:
        why = f"The lab needs packages that are not here: {', '.join(missing)}"
        raise LabError(f"{why}. As root: apt-get install {' '.join(missing)}")
    cgroup = cgroups.top(lab).parent
    if not (cgroup / "cgroup.procs").exists() or not os.access(cgroup, os.W_OK):
        raise LabError(f"The cgroup2 at {cgroup} cannot be written, and the lab needs it.")
    if run(["unshare", "--mount", "--net", "true"]).returncode != 0:
        raise LabError("This machine allows no new namespaces; a container needs --privileged.")
    _check_overlay(lab.directory)


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
