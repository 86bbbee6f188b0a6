"""What an operator does, and what tests see of it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ops.applying import Result, apply_plan
from ops.audit import Audit
from ops.changes import Change
from ops.lab.drill.commands import ROOT as ROOT
from ops.lab.drill.commands import fab as fab
from ops.plan import Plan
from ops.reading import read_plan, sessions_with
from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet, Role

EMPTY, FAILED, PENDING = 0, 1, 2  # how `fab plan` ends
JOURNAL = "/etc/systemd/journald.conf.d/stillhere.conf"
SYSCTL = "/etc/sysctl.d/60-stillhere.conf"


@contextmanager
def under_way(*arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Give fab at work, with all that it says on its stdout; killed at the end if it still is."""
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "fab"), *arguments],
        cwd=ROOT, env=os.environ | environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert process.stdout
        process.stdout.close()


def shown_plan(fleet: Fleet) -> subprocess.CompletedProcess[str]:
    return fab("plan", "--fleet", str(fleet.path))


def plan_of(fleet: Fleet) -> Plan:
    with sessions_with(fleet) as sessions:
        return read_plan(fleet, read_vault(vault_of(fleet.path)), sessions, lambda: None)


def apply_here(
    fleet: Fleet,
    told: Callable[[str, Change], None],
    answer_seconds: int = 60,
    only: Role | None = None,
) -> list[Result]:
    """Apply what is planned, of one role's hosts or of all."""
    with sessions_with(fleet, ("test@here", "a test")) as sessions:
        found = read_plan(fleet, read_vault(vault_of(fleet.path)), sessions, lambda: None)
        for host in fleet.hosts:
            sessions.of(host).patience_seconds = answer_seconds
        wanted = tuple(each for each in found.hosts if only in (None, each.host.role))
        return apply_plan(replace(found, hosts=wanted), sessions, Audit(fleet.name, "a test"), told)


def nothing_told(_host: str, _change: Change) -> None:
    """Say nothing."""


def copied(fleet: Fleet, folder: Path, old: str, new: str) -> str:
    """Return the path of a changed copy of the inventory, with what lies beside it."""
    copy = folder / "fleet.toml"
    copy.write_text(fleet.path.read_text("utf-8").replace(old, new), "utf-8")
    for name in ("vault.toml.gpg", "gnupg", "id_ed25519", "acme-authority.pem", "keys"):
        (folder / name).symlink_to(fleet.path.with_name(name))
    return str(copy)


@contextmanager
def watched_processes(
    secret: str, places: tuple[str, ...] = ("cmdline", "environ")
) -> Iterator[list[str]]:
    """Look at every process of the machine, the hosts' too, while something runs."""
    found, is_over = list[str](), threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in places:
                    try:
                        if secret.encode() in (process / name).read_bytes():
                            found.append(f"{process.name} {name}")
                    except OSError:
                        continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()
