"""A release goes out over this host: its mark, its units, a command of a release, a question.

/var/lib/stillhere/deploy.json      from before the server is drained until it serves again:
                                    who, since when, what it is to be afterwards, and the
                                    release it had before
/etc/stillhere/maintenance          the host's own maintenance, by hand
"""

import contextlib
import http.client
import json
import os
import re
import subprocess
import syslog
import time
from typing import Any

from ops.agent.changing import sync_directory
from ops.agent.commands import HOME, MARKER, Failed, run
from ops.agent.releasing import CURRENT, RELEASES, is_id
from ops.agent.seeing import active_state, text_of

MARK = HOME + "/deploy.json"
MAINTENANCE = "/etc/stillhere/maintenance"
SETTINGS = "/etc/stillhere/app.env"
SOCKET = "stillhere-pages.socket"
NOTIFIER = "stillhere-notifier.service"
DRAIN = "stillhere-drain.service"
SERVICES = [
    "stillhere-pages.service",
    "stillhere-receiver@0.service",
    "stillhere-receiver@1.service",
    DRAIN,
    NOTIFIER,
]
ANSWER_SECONDS = 5
MOST_SAID = 4_000
REASON = r"[A-Za-z_.]*(Error|Exception)\b|.*cannot run"  # the last line of a traceback, or ours


def standing() -> dict[str, Any]:
    """Return whether the host was applied, its marks, and what runs of which release."""
    return {
        "applied": text_of(MARKER) or "",
        "mark": mark_here(),
        "maintenance": text_of(MAINTENANCE),
        "units": see_services(),
    }


def mark_here() -> dict[str, str]:
    """Return the mark of a deploy; {} when there is none."""
    with contextlib.suppress(OSError, ValueError), open(MARK) as file:
        return dict(json.load(file))
    return {}


def see_services() -> dict[str, dict[str, str]]:
    """Return how each service is, and the release that its process was started from."""
    said = run(
        ["systemctl", "show", "--property=Id,ActiveState,SubState,MainPID", "--", *SERVICES],
        timeout=30,
    )
    found = {}
    for block in said.strip().split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        release = ""
        with contextlib.suppress(OSError):
            release = os.path.basename(os.readlink(f"/proc/{facts['MainPID']}/cwd"))
        found[facts["Id"]] = {"active": active_state(facts), "release": release}
    return found


def set_mark(mark: dict[str, str], audit: str) -> dict[str, Any]:
    """Keep the mark of a deploy before anything is done; {} takes it away when all is."""
    note(audit)
    if not mark:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(MARK)
        return {}
    write_whole(MARK, json.dumps(mark) + "\n")
    return {}


def set_maintenance(words: str, audit: str) -> dict[str, Any]:
    """Let the host itself say that it is in maintenance; "" ends that."""
    note(audit)
    if not words:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(MAINTENANCE)
        return {}
    write_whole(MAINTENANCE, words + "\n")
    os.chmod(MAINTENANCE, 0o644)
    return {}


def write_whole(path: str, text: str) -> None:
    """Write a file whole or not at all, to the disk."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.new", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
    sync_directory(os.path.dirname(path))


def note(audit: str) -> None:
    """Leave a line in the journal."""
    syslog.openlog("stillhere-ops", 0, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_NOTICE, audit)


def stop_notifier(audit: str) -> dict[str, Any]:
    """Stop it gracefully; what it was sending is left to the others."""
    note(audit)
    run(["systemctl", "stop", NOTIFIER], timeout=60)
    return {}


def restart_services(audit: str) -> dict[str, Any]:
    """Start all of the product from the current release. The socket of the pages stays."""
    note(audit)
    subprocess.run(
        ["systemctl", "reset-failed", SOCKET, *SERVICES], capture_output=True, timeout=60
    )
    try:
        run(["systemctl", "start", SOCKET], timeout=60)
        run(["systemctl", "restart", *SERVICES], timeout=180)
    except Failed as error:
        raise Failed(f"{error}\n{last_words(failing(see_services()))}") from None
    return {}


def stop_taking(audit: str) -> dict[str, Any]:
    """Stop all that takes pings, pages or alerts; what has come in is drained on."""
    note(audit)
    run(["systemctl", "stop", SOCKET, *(name for name in SERVICES if name != DRAIN)], timeout=180)
    run(["systemctl", "start", DRAIN], timeout=60)
    return {}


def rest(audit: str) -> dict[str, Any]:
    """Stop all of the product. Its units wait for a release: without one no boot starts them."""
    note(audit)
    run(["systemctl", "stop", SOCKET, *SERVICES], timeout=180)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(CURRENT)
    return {}


def failing(units: dict[str, dict[str, str]]) -> list[str]:
    """Return the units that do not stay up."""
    return [name for name, one in units.items() if one["active"] in ("failed", "failing")]


def services() -> dict[str, Any]:
    """Return how the services are, and the last words of those that do not stay up."""
    units = see_services()
    return {"units": units, "said": last_words(failing(units))}


def last_words(units: list[str]) -> str:
    """Return what units have said of why they do not stay up, as far as that can be told."""
    if not units:
        return ""
    named = [word for name in units for word in ("--unit", name)]
    asked = ["journalctl", *named, "--since=-60s", "--lines=200", "--no-pager", "--output=cat"]
    said = subprocess.run(asked, capture_output=True, timeout=30)
    lines = said.stdout.decode("utf-8", "replace").strip().splitlines()
    reasons = [
        line
        for line in lines
        if re.match(r"(?!Traceback)[A-Za-z_.]*(Error|Exception)\b|.*cannot run", line)
    ]
    return "\n".join(dict.fromkeys([*reasons, *lines[-4:]]))[-MOST_SAID:]


def manage(release: str, arguments: list[str], seconds: int) -> dict[str, Any]:
    """Run manage.py of a release that is here, current or not, as the service would.

    In a unit of its own: it ends as it would although the operator's line breaks.
    """
    if not is_id(release):
        raise Failed(f"{release} is no release.")
    properties = {
        "WorkingDirectory": f"{RELEASES}/{release}",
        "EnvironmentFile": SETTINGS,
        "RuntimeMaxSec": str(seconds),
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ReadWritePaths": "/var/lib/stillhere-app /run/stillhere",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
    }
    command = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"]
    command += ["--uid=stillhere", "--gid=stillhere"]
    command += [f"--property={name}={value}" for name, value in properties.items()]
    command += ["--setenv=PYTHONPATH=.:site-packages", "--setenv=PYTHONDONTWRITEBYTECODE=1"]
    said = subprocess.run(
        [*command, "/usr/bin/python3", "manage.py", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds + 30,
    )
    words = said.stdout.decode("utf-8", "replace").strip()
    return {"status": said.returncode, "said": words[-MOST_SAID:]}


def fetch(questions: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask other hosts over HTTP as a balancer would; a status of 0 says why there was no answer."""
    return {"answers": [fetch_one(**one) for one in questions]}


def fetch_one(address: str, port: int, host: str, path: str) -> dict[str, Any]:
    """Return status and beginning of one answer."""
    line = http.client.HTTPConnection(address, port, timeout=ANSWER_SECONDS)
    begin = time.monotonic()
    try:
        line.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
        answer = line.getresponse()
        body = answer.read(2_000).decode("utf-8", "replace")
        return {"status": answer.status, "said": body, "seconds": time.monotonic() - begin}
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
        return {"status": 0, "said": said, "seconds": time.monotonic() - begin}
    finally:
        line.close()


def see_database() -> dict[str, str]:
    """Return what the host's PostgreSQL is: writable, standby, or none that answers, and why."""
    asked = ["runuser", "-u", "postgres", "--", "psql", "-X", "-A", "-t"]
    asked += ["-c", "SELECT pg_is_in_recovery()"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, cwd="/")
    except (OSError, subprocess.SubprocessError) as error:
        return {"state": "none", "said": str(error)}
    states = {"f": "writable", "t": "standby"}
    return {"state": states.get(said.stdout.strip(), "none"), "said": said.stderr.strip()[:200]}
