"""A release by hand, of this checkout: what `fab deploy` will make better."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.lab.plan import LabHost
from tests.ops.operator import ROOT
from tests.ops.rehearsal import Rehearsal

PYTHONS = {12: "3.11", 13: "3.13"}
PLACE = "/srv/stillhere/releases/by-hand"
UNITS = "stillhere-receiver@0 stillhere-receiver@1 stillhere-drain stillhere-notifier"
SERVICES = tuple(f"{name}.service" for name in ("stillhere-pages", *UNITS.split()))


@contextmanager
def release_on(rehearsal: Rehearsal, name: str, debian: int) -> Iterator[None]:
    """Put a release onto a host; afterwards it waits for one again."""
    _send(rehearsal, rehearsal.lab.host(name), site_packages(PYTHONS[debian]))
    settle = f"cd {PLACE} && chmod -R u=rwX,go=rX . && echo '{{}}' > release.json"
    link = f"ln -sfn {PLACE} /srv/stillhere/current"
    rehearsal.run(name, ["sh", "-c", f"{settle} && {link}"])
    try:
        yield
    finally:
        rehearsal.run(name, ["systemctl", "stop", "stillhere-pages.socket", *SERVICES])
        rehearsal.run(name, ["rm", "-r", "/srv/stillhere/current", PLACE])


def manage(rehearsal: Rehearsal, name: str, *arguments: str) -> str:
    """Run one of the application's commands on a host, as its service user."""
    command = ["systemd-run", "--quiet", "--wait", "--pipe", "--uid=stillhere"]
    command += ["--property=WorkingDirectory=/srv/stillhere/current"]
    command += ["--property=EnvironmentFile=/etc/stillhere/app.env"]
    command += ["--setenv=PYTHONPATH=.:site-packages", "python3", "manage.py", *arguments]
    return rehearsal.run(name, command)


def access(rehearsal: Rehearsal, name: str) -> dict[str, Any]:
    """Return keys of a new project."""
    arguments = ("--email", "ada@example.org", "--json", "--new-keys")
    found: dict[str, Any] = json.loads(manage(rehearsal, name, "bootstrap", *arguments))
    return found


def site_packages(python: str) -> Path:
    """Return a folder of what the application needs, for that version of Python; made once."""
    requirements = ROOT / "requirements" / "base.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = ROOT / "build" / f"site-packages-{python}-{digest}"
    if folder.exists():
        return folder
    making = folder.with_name(f".{folder.name}")
    shutil.rmtree(making, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--use-pep517", "--target", str(making)]
    command += ["--python-version", python, "--implementation", "cp"]
    command += ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"]
    # oncalendar has no wheel; it is pure Python.
    command += ["--only-binary", ":all:", "--no-binary", "oncalendar"]
    done = subprocess.run(
        [*command, "--requirement", str(requirements)],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    making.rename(folder)
    return folder


def _send(rehearsal: Rehearsal, host: LabHost, packages: Path) -> None:
    home = rehearsal.lab.home
    pack = ["tar", "--create", "--exclude=__pycache__", "--owner=root", "--group=root"]
    pack += [f"--transform=s,^{packages.name},site-packages,", "--directory", str(ROOT)]
    pack += ["app", "manage.py", "--directory", str(packages.parent), packages.name]
    ssh = ["ssh", "-i", str(home / "id_ed25519"), "-o", f"UserKnownHostsFile={home}/known_hosts"]
    ssh += ["-o", "BatchMode=yes", f"root@{rehearsal.lab.address(host)}"]
    unpack = f"mkdir -p {PLACE} && tar --extract --directory {PLACE}"
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        subprocess.run([*ssh, unpack], stdin=packing.stdout, timeout=100, check=True)
