"""The program `backups` of the current release is run here, as the account that it is for.

    {"ask": "backups", ...}         -> {"status", "out", "said"}: waited for; for what is short
    {"ask": "begin_backups", ...}   -> {"is_new": ...}: in a unit of its own, stillhere-by-hand-VERB
    {"ask": "follow_backups", ...}  -> {"state", "status", "said", "offset", "out"}
    {"ask": "stop_backups", ...}    -> {}
    {"ask": "start_backup_unit", ...}, "follow_backup_unit": a timer's unit, now

A unit outlives the operator's line. What it says is in /run/stillhere-by-hand/VERB, for root
alone: `said` its words, `out` its JSON. What it is given by stdin are keys: that file is gone
as soon as it is open.
"""

import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
import time
from typing import Any

from ops.agent.commands import Failed, run
from ops.agent.deploying import note
from ops.agent.releasing import CURRENT

SETTINGS = "/etc/stillhere/backups.toml"
HOME = "/run/stillhere-by-hand"
PYTHONPATH = ".:site-packages"
LIST_SECONDS = 120
MOST_SAID = 4_000
MOST_OUT = 8_000_000
VERBS = ("run", "verify", "restore")
RUNNING = ("active", "activating", "deactivating", "reloading")


def listed(account: str) -> dict[str, Any]:
    """Return what `list --json` says, and when that was; {"lacks": ...} where nothing can."""
    if lacks := lacking():
        return {"lacks": lacks}
    done = backups(account, ["list", "--json"], LIST_SECONDS)
    try:
        answer = dict(json.loads(done["out"]))
    except ValueError:
        raise Failed(done["said"] or f"exit {done['status']}, and no JSON") from None
    return answer | {"asked_at": time.time()}


def lacking() -> str:
    """Return what is missing for backups to be taken or read here; "" for nothing."""
    if not os.path.exists(SETTINGS):
        return f"has no {SETTINGS}: fab apply."
    return "" if os.path.isdir(f"{CURRENT}/backups") else "has no release with backups: fab deploy."


def backups(account: str, words: list[str], seconds: int, given: str = "") -> dict[str, Any]:
    """Run it and wait. `out` may hold keys or addresses that are good for a while: never show it.

    Failed when it is not done in that time.
    """
    if lacks := lacking():
        raise Failed(f"This host {lacks}")
    try:
        done = subprocess.run(
            ["runuser", "-u", account, "--", "/usr/bin/python3", "-m", "backups", *words],
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            cwd=os.path.realpath(CURRENT),
            env=environment(account),
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"python -m backups {words[0]} was not done in {seconds} s.") from None
    said = done.stderr.strip()[-MOST_SAID:]
    return {"status": done.returncode, "out": done.stdout, "said": said}


def environment(account: str) -> dict[str, str]:
    """Return what a program of the release needs to know, of nobody else's environment."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": pwd.getpwnam(account).pw_dir,
        "LANG": "C.UTF-8",
        "PYTHONPATH": PYTHONPATH,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def begin_backups(
    account: str, words: list[str], seconds: int, audit: str, given: str = ""
) -> dict[str, Any]:
    """Start it in a unit. `is_new` is False when one of that verb is at work already.

    systemd opens the files as root, before it takes on the account.
    """
    if lacks := lacking():
        raise Failed(f"This host {lacks}")
    verb, unit = words[0], unit_of(words[0])
    if state_of(unit)["ActiveState"] in RUNNING and state_of(unit)["SubState"] != "exited":
        return {"is_new": False}
    note(audit)
    forget(unit)
    folder = folder_for(verb, given)
    command = ["systemd-run", "--quiet", "--service-type=exec", f"--unit={unit}"]
    command += [f"--uid={account}", f"--gid={account}"]
    command += [f"--property={each}" for each in properties(folder, seconds)]
    known = environment(account) | {"STILLHERE_FOLLOWED": "1"}  # its progress, on no terminal
    command += [f"--setenv={name}={value}" for name, value in known.items()]
    try:
        run([*command, "/usr/bin/python3", "-m", "backups", *words], timeout=60)
    finally:
        os.unlink(f"{folder}/in")
    return {"is_new": True}


def folder_for(verb: str, given: str) -> str:
    """Return the folder of what goes in and out, made anew, for root alone."""
    folder = f"{HOME}/{verb}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    for name, text in (("in", given), ("out", ""), ("said", "")):
        with open(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
    return folder


def properties(folder: str, seconds: int) -> list[str]:
    """Return how the unit is run: where its words go, and what it may not."""
    return [
        f"WorkingDirectory={os.path.realpath(CURRENT)}",
        f"RuntimeMaxSec={seconds}",
        "RemainAfterExit=yes",
        "KillMode=mixed",  # the end is told to it alone: it stops what it has started
        "TimeoutStopSec=60",
        f"StandardInput=file:{folder}/in",
        f"StandardOutput=append:{folder}/out",
        f"StandardError=append:{folder}/said",
        "NoNewPrivileges=yes",
        "ProtectSystem=full",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "UMask=0077",
    ]


def follow_backups(verb: str, offset: int) -> dict[str, Any]:
    """Return how it is, and what it has said since; `state` is running, ended or none.

    When it has ended, `out` has its JSON, and its unit is forgotten: it has been told.
    """
    unit, folder = unit_of(verb), f"{HOME}/{verb}"
    facts = state_of(unit)  # before the files: what was said last is in them then
    said = ""
    with contextlib.suppress(FileNotFoundError), open(f"{folder}/said", "rb") as file:
        file.seek(offset)
        piece = file.read(MOST_SAID)
        offset += len(piece)
        said = piece.decode("utf-8", "replace")
    answer = {"said": said, "offset": offset, "status": 0, "out": ""}
    is_exited = facts["SubState"] == "exited"
    if facts["ActiveState"] in RUNNING and not is_exited:
        return answer | {"state": "running"}
    if said:
        return answer | {"state": "running"}  # the rest of its words first
    if facts["LoadState"] == "not-found":
        return answer | {"state": "none"}
    with open(f"{folder}/out", "rb") as file:
        out = file.read(MOST_OUT).decode("utf-8", "replace")
    status = int(facts["ExecMainStatus"]) if facts["ExecMainCode"] in ("0", "1") else -1
    if facts["Result"] == "timeout":
        status = -1
    forget(unit)
    return answer | {"state": "ended", "status": status, "out": out}


def stop_backups(verb: str, audit: str) -> dict[str, Any]:
    """End it; it clears away what it has begun."""
    note(audit)
    subprocess.run(["systemctl", "stop", unit_of(verb)], capture_output=True, timeout=150)
    return {}


def start_backup_unit(unit: str, audit: str) -> dict[str, Any]:
    """Start what a timer starts, and do not wait. Failed when there is no such unit."""
    note(audit)
    run(["systemctl", "start", "--no-block", "--", timed(unit)], timeout=60)
    return {}


def follow_backup_unit(unit: str) -> dict[str, Any]:
    """Return whether it is at work, how it ended, and its last words."""
    facts = state_of(timed(unit))
    asked = ["journalctl", f"--unit={unit}", "--since=-1h", "--lines=8", "--output=cat"]
    said = subprocess.run([*asked, "--no-pager"], capture_output=True, timeout=30).stdout
    is_running = facts["ActiveState"] in RUNNING
    words = said.decode("utf-8", "replace").strip()[-MOST_SAID:]
    return {"is_running": is_running, "result": facts["Result"], "words": words}


def timed(unit: str) -> str:
    """Return the name of a timer's unit. Failed for any other."""
    if not re.fullmatch(r"stillhere-backup(-[a-z]+)?\.service", unit):
        raise Failed(f"{unit} is no unit of backups.")
    return unit


def unit_of(verb: str) -> str:
    """Return the name of the unit for a verb. Failed for one that nobody runs so."""
    if not re.fullmatch("[a-z]+", verb) or verb not in VERBS:
        raise Failed(f"{verb} is not run by hand.")
    return f"stillhere-by-hand-{verb}.service"


def state_of(unit: str) -> dict[str, str]:
    """Return what systemd says of the unit."""
    names = "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus"
    said = run(["systemctl", "show", f"--property={names}", "--", unit], timeout=30)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def forget(unit: str) -> None:
    """Let systemd forget a unit that has ended."""
    for verb in ("stop", "reset-failed"):
        subprocess.run(["systemctl", verb, unit], capture_output=True, timeout=60)
