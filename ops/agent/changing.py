"""The changes that an operator's plan may make on the host, one function a kind."""

import contextlib
import grp
import os
import pwd
import subprocess
import syslog
import time
from collections.abc import Callable, Iterator
from typing import Any

from ops.agent.commands import DEBIAN, HOME, LOCK, MARKER, STAMPS, Failed, run, stamp_units
from ops.agent.guarding import arm, keep_before
from ops.agent.seeing import see_file

SETTLE_SECONDS = 0.5
LINKS = ("unmask", "enable", "disable")
POLICY = "/usr/sbin/policy-rc.d"  # Debian asks it whether a package may start a service


def change(kind: str, audit: str, **what: Any) -> dict[str, str]:
    """Make one change, verify it, and leave a line in the journal."""
    CHANGED[kind](**what)
    syslog.openlog("stillhere-ops", 0, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_NOTICE, audit)
    return {}


def change_file(
    path: str,
    seen: str | None,
    content: str | None,
    mode: int,
    owner: str,
    group: str,
    validate: list[str],
    stamps: list[str],
    keep: bool,
) -> None:
    """Replace or delete a file, if it still is what the plan has seen."""
    now = see_file(path, is_secret=True)
    if seen is not None and now.get("sha256", "") != seen:
        raise Failed(f"{path} has changed since the plan was made. Plan again.")
    if content is not None and now and not now["is_file"]:
        raise Failed(f"{path} is there and is no file. Move it away.")
    if content is None:
        about_to_change(path, stamps, keep)
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.stillhere-new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    try:
        write_beside(beside, content, mode, owner, group)
        if validate:
            run([word.replace("{}", beside) for word in validate], timeout=60)
        about_to_change(path, stamps, keep)
        os.replace(beside, path)
        sync_directory(os.path.dirname(path))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def about_to_change(path: str, stamps: list[str], keep: bool) -> None:
    """From here on the units that read the file have to be told, however this ends.

    Not before: a file that its program has refused is no reason to restart anything.
    """
    if keep:
        keep_before(path)
    for name in stamps:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{STAMPS}/{name}")


def write_beside(beside: str, content: str, mode: int, owner: str, group: str) -> None:
    """Write the new file whole and to the disk, readable for nobody else until it is."""
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(content)
        file.flush()
        os.fchown(file.fileno(), pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def sync_directory(path: str) -> None:
    """Make a rename in the directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def change_directory(path: str, mode: int, owner: str, group: str) -> None:
    """Make the directory, or its owner and mode, as wanted; what is behind a link is not ours."""
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
        raise Failed(f"{path} is there and is no directory. Move it away.")
    os.makedirs(path, exist_ok=True)
    os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    os.chmod(path, mode)


def change_link(path: str, target: str) -> None:
    """Swap the link atomically; a thing that is no link is not replaced."""
    if os.path.lexists(path) and not os.path.islink(path):
        raise Failed(f"{path} is there and is no link. Move it away.")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.stillhere-new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    os.symlink(target, beside)
    os.replace(beside, path)


def change_packages(install: list[str], purge: list[str]) -> None:
    """Install and purge in one go each; no service is started by a package itself."""
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    apt += ["-o", "Dpkg::Options::=--force-confold", "--no-install-recommends"]
    with no_service_starts():
        # An apply, or an upgrade, that was cut off; nobody is there to answer dpkg.
        run(["dpkg", "--force-confold", "--configure", "-a"], env=DEBIAN)
        if install:
            try:
                run([*apt, "install", *install], timeout=900, env=DEBIAN)
            except Failed:
                run([*apt, "update"], timeout=300, env=DEBIAN)
                run([*apt, "install", *install], timeout=900, env=DEBIAN)
        if purge:
            run([*apt, "purge", *purge], timeout=900, env=DEBIAN)


@contextlib.contextmanager
def no_service_starts() -> Iterator[None]:
    """Keep packages from starting services; a policy of somebody else's is left as it is.

    It holds only while an operator has the lock: one that a power cut left here
    must not keep security updates from restarting what they mend.
    """
    text = f"#!/bin/sh\nflock --nonblock {LOCK} true && exit 0\nexit 101\n"
    try:
        with open(POLICY) as file:
            is_ours = file.read() == text
    except FileNotFoundError:
        is_ours = True
    if not is_ours:
        yield
        return
    with open(POLICY, "w") as file:
        file.write(text)
    os.chmod(POLICY, 0o755)
    try:
        yield
    finally:
        os.unlink(POLICY)


def change_user(name: str, home: str, groups: list[str]) -> None:
    """Make the account, or its home and groups, as wanted."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam(name)
        run(["usermod", "--home", home, "--groups", ",".join(groups), name])
        return
    command = ["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin"]
    command += ["--home-dir", home, "--no-create-home", "--groups", ",".join(groups), name]
    run(command)


def change_unit(
    name: str,
    steps: list[str],
    read: dict[str, str],
    guard: int,
    restores: list[str],
    asks: list[str],
) -> None:
    """Go through systemctl's verbs; `read` is kept when all have succeeded.

    "load" is what is done anyway: systemd reads the unit's files anew.
    """
    if asks and "restart" in steps:
        refuse_restart_in_vain(name, asks)
    if guard:
        arm(name, guard, restores)
    if "unmask" in steps:
        run(["systemctl", "unmask", "--runtime", name], timeout=60)  # the step itself is for /etc
    # These only move links: one reload after them does for all, and it costs more than they do.
    for step in (each for each in steps if each in LINKS):
        run(["systemctl", "--no-reload", step, name], timeout=60)
    run(["systemctl", "daemon-reload"], timeout=60)
    for step in (each for each in steps if each not in (*LINKS, "load")):
        # One that has died too often is refused for a while, also when its cause is mended.
        subprocess.run(["systemctl", "reset-failed", name], capture_output=True, timeout=60)
        try:
            run(["systemctl", step, name], timeout=120)
            if step in ("start", "restart"):
                expect_to_stay_up(name)
        except Failed as error:
            lines = ["journalctl", "--unit", name, "--lines=8", "--no-pager", "--output=cat"]
            said = subprocess.run(lines, capture_output=True, timeout=30)
            words = said.stdout.decode("utf-8", "replace").strip()
            raise Failed(f"{error}\n{words}") from None
    if not guard:
        stamp_units(read)


def refuse_restart_in_vain(name: str, asks: list[str]) -> None:
    """Fail when a unit that runs would not come up again; one that is down loses nothing."""
    active = subprocess.run(["systemctl", "is-active", "--quiet", name], timeout=30)
    if active.returncode:
        return
    try:
        run(asks, timeout=60)
    except Failed as error:
        raise Failed(
            f"{name} runs on as it was, since it could not be started again: {error}"
        ) from None


def expect_to_stay_up(name: str) -> None:
    """Fail when the unit has ended badly already: systemctl says well done before that shows."""
    time.sleep(SETTLE_SECONDS)
    said = run(["systemctl", "show", "--property=ActiveState,NRestarts", name], timeout=30)
    facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if facts["ActiveState"] == "failed" or facts.get("NRestarts", "0") != "0":
        raise Failed(f"{name} was started and does not stay up.")


def change_sysctl(name: str, value: str) -> None:
    """Set it now; a file keeps it."""
    run(["sysctl", "-q", "-w", f"{name}={value}"])


def change_command(command: list[str], stdin: str, seconds: int) -> None:
    """Run it."""
    run(command, timeout=seconds, stdin=stdin)


def change_marker() -> None:
    """Remember that this host was applied: from now on it has brakes."""
    os.makedirs(HOME, mode=0o755, exist_ok=True)
    with open(MARKER, "w") as file:
        file.write("applied\n")
        file.flush()
        os.fsync(file.fileno())


CHANGED: dict[str, Callable[..., None]] = {
    "file": change_file,
    "directory": change_directory,
    "link": change_link,
    "packages": change_packages,
    "user": change_user,
    "unit": change_unit,
    "sysctl": change_sysctl,
    "command": change_command,
    "marker": change_marker,
}
