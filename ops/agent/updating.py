"""Debian's packages on this host, what still runs from replaced files, and booting anew."""

import contextlib
import glob
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

from ops.agent.commands import DEBIAN, Failed, run
from ops.agent.deploying import last_words, note

# Nobody is there to be asked, and what has to be restarted is ours to restart.
QUIET = {**DEBIAN, "NEEDRESTART_MODE": "l", "APT_LISTCHANGES_FRONTEND": "none"}
APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Update::Error-Mode=any"]
# A kernel comes as a package of a new name. Nothing is ever removed.
UPGRADE = ["-o", "Dpkg::Options::=--force-confold", "--with-new-pkgs", "upgrade"]
UPDATE_SECONDS, UPGRADE_SECONDS, SETTLE_SECONDS = 300, 3_000, 90
BOOT_ID = "/proc/sys/kernel/random/boot_id"
REQUIRED = "/run/reboot-required"
# Restarting these cuts off who is logged in, or does not renew what it should.
ONLY_A_BOOT = ("dbus.service", "dbus-broker.service", "systemd-logind.service", "init.scope")


def software(refresh: bool) -> dict[str, Any]:
    """Return what could be upgraded, what runs from files that were replaced, and why to boot."""
    if refresh:
        run([*APT, "update"], timeout=UPDATE_SECONDS, env=QUIET)
    replaced = set(units_of_replaced())
    return {
        "boot_id": boot()["boot_id"],
        "upgradable": see_upgradable(),
        "stale": sorted(name for name in replaced if is_restarted(name)),
        "reboot": why_to_boot(replaced),
        "failed": failed_units(),
    }


def see_upgradable() -> list[str]:
    """Return what an upgrade would do; apt says nothing while another one is unfinished."""
    if run(["dpkg", "--audit"], timeout=60).strip() or os.listdir("/var/lib/dpkg/updates"):
        return ["what an earlier upgrade has begun"]
    return upgradable(run([*APT, "-s", *UPGRADE], timeout=120, env=QUIET))


def upgradable(said: str) -> list[str]:
    """Return "name old -> new" for each package that a simulated upgrade would install."""
    lines = re.findall(r"^Inst (\S+)(?: \[([^]]+)\])? \((\S+)", said, re.MULTILINE)
    return [f"{name} {old or 'new'} -> {new}" for name, old, new in lines]


def upgrade(audit: str) -> dict[str, Any]:
    """Upgrade all packages; configuration files stay as they are, and nothing is removed."""
    note(audit)
    # What was cut off goes on. What fails here may be mended by the upgrade: apt has the last word.
    finish = ["dpkg", "--force-confold", "--configure", "-a"]
    subprocess.run(finish, capture_output=True, timeout=900, env=QUIET)
    run([*APT, *UPGRADE], timeout=UPGRADE_SECONDS, env=QUIET)
    return {}


def boot() -> dict[str, str]:
    """Return what tells this boot from any other."""
    with open(BOOT_ID) as file:
        return {"boot_id": file.read().strip()}


def is_restarted(unit: str) -> bool:
    """Tell whether restarting the unit renews it and hurts nobody."""
    return unit.endswith(".service") and unit not in ONLY_A_BOOT and not unit.startswith("user@")


def units_of_replaced() -> Iterator[str]:
    """Yield the unit of each process whose program or library is not the one on the disk."""
    for folder in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if is_replaced(os.readlink(f"{folder}/exe"), read(f"{folder}/maps")):
                yield unit_of(read(f"{folder}/cgroup"))


def is_replaced(program: str, maps: str) -> bool:
    """Tell whether a process runs code whose file is gone; other mapped files may go."""
    if program.endswith(" (deleted)"):
        return True
    code = r"^\S+ ..x. .* (/usr|/lib)\S* \(deleted\)$"
    return re.search(code, maps, re.MULTILINE) is not None


def unit_of(cgroup: str) -> str:
    """Return the unit that a process belongs to; "" for none."""
    parts = cgroup.strip().split("::")[-1].split("/")
    return next((part for part in parts if part.endswith((".service", ".scope"))), "")


def why_to_boot(replaced: set[str]) -> str:
    """Return why this host should be booted anew; "" for no reason."""
    reasons = []
    if os.path.exists(REQUIRED):
        packages = " ".join(sorted(set(read(f"{REQUIRED}.pkgs").split())))
        reasons.append(f"Debian asks for it ({packages or 'no package is named'})")
    newest = newest_kernel(os.listdir("/boot"), os.uname().release)
    if newest:
        reasons.append(f"kernel {newest} is installed, {os.uname().release} runs")
    if old := sorted(name for name in replaced if name in ONLY_A_BOOT):
        reasons.append(f"{', '.join(old)} run from files that were replaced")
    return "; ".join(reasons)


def newest_kernel(files: list[str], running: str) -> str:
    """Return the newest installed kernel of the running one's kind; "" when that one runs."""
    names = [name.removeprefix("vmlinuz-") for name in files if name.startswith("vmlinuz-")]
    alike = [name for name in names if kind_of(name) == kind_of(running)]
    newest = max(alike, key=by_number, default=running)
    return newest if newest != running else ""


def kind_of(kernel: str) -> str:
    """Return what follows the version: cloud-amd64 of 6.1.0-18-cloud-amd64."""
    found = re.search(r"(-[a-z]+[0-9]*)+$", kernel)
    return found[0] if found else ""


def by_number(version: str) -> list[int]:
    """Return what versions are ordered by: 6.1.0-9 is before 6.1.0-10."""
    return [int(number) for number in re.findall("[0-9]+", version)]


def failed_units() -> list[str]:
    """Return the units that have failed."""
    asked = ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"]
    return [line.split()[0] for line in run(asked, timeout=60).splitlines() if line.strip()]


def restart_units(units: list[str], audit: str) -> dict[str, Any]:
    """Restart units that run from files that were replaced."""
    note(audit)
    try:
        run(["systemctl", "restart", "--", *units], timeout=180)
    except Failed as error:
        raise Failed(f"{error}\n{last_words(units)}") from None
    return {}


def reboot(audit: str) -> dict[str, Any]:
    """Boot anew, a moment after this answer."""
    note(audit)
    run(["systemctl", "--no-block", "reboot"], timeout=60)
    return {}


def settle() -> dict[str, Any]:
    """Wait until what a boot starts is up or has failed; what hangs is not waited for."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["systemctl", "is-system-running", "--wait"],
            capture_output=True,
            timeout=SETTLE_SECONDS,
        )
    return {"failed": failed_units()}


def read(path: str) -> str:
    """Return a file as text; "" when it is not there."""
    with contextlib.suppress(FileNotFoundError), open(path, errors="replace") as file:
        return file.read()
    return ""
