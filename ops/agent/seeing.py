"""Facts of the host: what is there, of all that the operator's side asks about."""

import glob
import grp
import hashlib
import json
import os
import pwd
import re
import resource
import stat
import subprocess
import time
from collections.abc import Callable
from typing import Any

from ops.agent.commands import DEBIAN, HOME, MARKER, STAMPS, run

Spec = dict[str, Any]  # a resource as ops/facts sends it
Facts = dict[str, Any]
MOST_TEXT = 300_000
IN_THE_MAKING = HOME + "/cluster-in-the-making"  # "17/main"; a standby's has a second line
ROLE_MARKER = HOME + "/database-role.json"


def observe(resources: list[Spec]) -> Facts:
    """Return facts of the machine, and of each resource by its key."""
    by_kind: dict[str, list[Spec]] = {}
    for one in resources:
        by_kind.setdefault(one["kind"], []).append(one)
    found: Facts = {}
    for kind, some in by_kind.items():
        found.update(SEEN[kind](some))
    return {"machine": machine(), "found": found}


def machine() -> Facts:
    """Return what roles may depend on."""
    release: dict[str, str] = {}
    with open("/etc/os-release") as file:
        for line in file:
            name, _, value = line.strip().partition("=")
            release[name] = value.strip('"')
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "debian": release.get("VERSION_ID", "") if release.get("ID") == "debian" else "",
        "memory_bytes": pages,
        "cpus": len(os.sched_getaffinity(0)),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "container": os.path.exists("/run/systemd/container"),
        "clusters": clusters(),
        "applied": text_of(MARKER) or "",
        "now": time.time(),
    }


def clusters() -> list[Facts]:
    """Return PostgreSQL's clusters; also one whose data is away, on a disk that is not mounted.

    What a power cut has left of one in the making is none: who makes it clears it away.
    """
    data = glob.glob("/var/lib/postgresql/[0-9][0-9]/*/PG_VERSION")
    settings = glob.glob("/etc/postgresql/[0-9][0-9]/*/postgresql.conf")
    there = {(*path.split("/")[-3:-1],) for path in (*data, *settings)}
    made = (text_of(IN_THE_MAKING) or "").partition("\n")[0]
    there.discard((*made.strip().split("/"),))
    return [cluster(version, name) for version, name in sorted(there)]


def cluster(version: str, name: str) -> Facts:
    """Return what the files of a cluster tell."""
    settings = f"/etc/postgresql/{version}/{name}"
    own = re.findall(
        r"^\s*data_directory\s*=?\s*'([^']+)'",
        text_of(f"{settings}/postgresql.conf") or "",
        re.MULTILINE,
    )
    data = own[-1] if own else f"/var/lib/postgresql/{version}/{name}"
    return {
        "version": version,
        "name": name,
        "has_data": os.path.exists(f"{data}/PG_VERSION"),
        "is_standby": os.path.exists(f"{data}/standby.signal"),
        "is_ours": os.path.exists(f"{settings}/conf.d/stillhere.conf"),
        "role": marked_role() if name == "main" else "",
    }


def marked_role() -> str:
    """Return what the host's database is to be, "" without a marker, and of garbage its text."""
    said = text_of(ROLE_MARKER)
    try:
        return str(json.loads(said)["role"]) if said is not None else ""
    except (ValueError, KeyError, TypeError):
        return f"unreadable: {(said or '')[:40]!r}"


def text_of(path: str) -> str | None:
    """Return the text of a small file, None when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MOST_TEXT)
    except (FileNotFoundError, NotADirectoryError):
        return None


def see_files(files: list[Spec]) -> Facts:
    """Return type, digest, owner and mode, and the text unless it is secret."""
    return {one["key"]: see_file(one["path"], one["secret"]) for one in files}


def see_file(path: str, is_secret: bool) -> Facts:
    """Return {} for what is not there."""
    try:
        about = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    facts = see_owner(about)
    if not stat.S_ISREG(about.st_mode):
        return facts | {"is_file": False}
    with open(path, "rb") as file:
        content = file.read()
    facts |= {"is_file": True, "sha256": hashlib.sha256(content).hexdigest()}
    if not is_secret and len(content) <= MOST_TEXT:
        facts["text"] = content.decode("utf-8", "replace")
    return facts


def see_owner(about: os.stat_result) -> Facts:
    """Return mode, owner and group of a stat."""
    return {
        "mode": stat.S_IMODE(about.st_mode),
        "owner": name_of(pwd.getpwuid, about.st_uid),
        "group": name_of(grp.getgrgid, about.st_gid),
    }


def name_of(look_up: Callable[[int], Any], number: int) -> str:
    """Return the name of a user or group number; the number when it has none."""
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


def see_directories(directories: list[Spec]) -> Facts:
    """Return owner and mode; is_directory False for what is something else."""
    found: Facts = {}
    for one in directories:
        try:
            about = os.lstat(one["path"])
        except (FileNotFoundError, NotADirectoryError):
            found[one["key"]] = {}
        else:
            found[one["key"]] = see_owner(about) | {"is_directory": stat.S_ISDIR(about.st_mode)}
    return found


def see_links(links: list[Spec]) -> Facts:
    """Return the target of each link; "" for what is no link."""
    found: Facts = {}
    for one in links:
        path = one["path"]
        if os.path.islink(path):
            found[one["key"]] = {"target": os.readlink(path)}
        else:
            found[one["key"]] = {"target": ""} if os.path.lexists(path) else {}
    return found


def see_packages(packages: list[Spec]) -> Facts:
    """Return the installed version of each package."""
    names = [one["name"] for one in packages]
    asked = ["dpkg-query", "-W", "-f", "${Package}\t${db:Status-Status}\t${Version}\n", *names]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=30, env=DEBIAN)
    installed: dict[str, str] = {}
    for line in said.stdout.splitlines():
        name, status, version = line.split("\t")
        if status == "installed":
            installed[name] = version
    return {one["key"]: {"version": installed.get(one["name"], "")} for one in packages}


def see_users(users: list[Spec]) -> Facts:
    """Return home and groups of each account that is there."""
    found: Facts = {}
    for one in users:
        try:
            account = pwd.getpwnam(one["name"])
        except KeyError:
            found[one["key"]] = {}
            continue
        groups = [each.gr_name for each in grp.getgrall() if one["name"] in each.gr_mem]
        found[one["key"]] = {"home": account.pw_dir, "groups": sorted(groups)}
    return found


def see_units(units: list[Spec]) -> Facts:
    """Return how each unit is, and what it had read when we last started it."""
    names = [one["name"] for one in units]
    wanted = "--property=Id,LoadState,ActiveState,SubState,UnitFileState"
    said = run(["systemctl", "show", wanted, "--", *names], timeout=30)
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in said.strip().split("\n\n")
    ]
    return {
        one["key"]: {
            "load": block.get("LoadState", ""),
            "active": active_state(block),
            "enabled": block.get("UnitFileState", ""),
            "read": text_of(f"{STAMPS}/{one['name']}") or "",
            "reread": text_of(f"{STAMPS}/{one['name']}.reread") or "",
            "waits": bool(one["waits_for"]) and not os.path.exists(one["waits_for"]),
        }
        for one, block in zip(units, blocks, strict=True)
    }


def active_state(block: dict[str, str]) -> str:
    """Return how it is; "failing" for one that dies and is started again, over and over."""
    is_failing = block.get("SubState", "").startswith("auto-restart")
    return "failing" if is_failing else block.get("ActiveState", "")


def see_sysctls(sysctls: list[Spec]) -> Facts:
    """Return each kernel setting."""
    return {one["key"]: {"value": sysctl_value(one["name"])} for one in sysctls}


def sysctl_value(name: str) -> str:
    """Return a kernel setting, its blanks as one space; "" when there is none."""
    said = text_of("/proc/sys/" + name.replace(".", "/"))
    return " ".join((said or "").split())


def see_commands(commands: list[Spec]) -> Facts:
    """Return what each check says."""
    found: Facts = {}
    for one in commands:
        try:
            said = subprocess.run(one["check"], capture_output=True, timeout=30)
            words = said.stdout.decode("utf-8", "replace")[-20_000:]
            found[one["key"]] = {"ok": said.returncode == 0, "said": words}
        except OSError as error:  # what it needs is not installed yet
            found[one["key"]] = {"ok": False, "said": f"{error}\n"}
    return found


SEEN: dict[str, Callable[[list[Spec]], Facts]] = {
    "file": see_files,
    "directory": see_directories,
    "link": see_links,
    "package": see_packages,
    "user": see_users,
    "unit": see_units,
    "sysctl": see_sysctls,
    "command": see_commands,
}
