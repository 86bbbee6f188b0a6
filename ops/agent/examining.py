"""How well this host is: one function for each thing that a doctor asks about.

    {"ask": "examine", "questions": {name: {"about": ..., ...}}} -> {"answers": {name: {...}}}

They are asked side by side, since some wait for others on the network; one that
fails says {"failed": why} and spoils no other. Nothing here changes anything.
"""

import glob
import os
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from ops.agent.backing_up import listed
from ops.agent.balancing import haproxy
from ops.agent.clusters import cluster
from ops.agent.commands import DEBIAN, Failed, run
from ops.agent.probing import OPEN, probe
from provisioning.programs.certifying import handshakes

Answer = dict[str, Any]
CONNECT_SECONDS = 5
MOST_WORDS = 300
MOST_LINES = 2_000


def examine(questions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to each question, by its name."""
    from concurrent.futures import ThreadPoolExecutor  # no other session needs it

    with ThreadPoolExecutor(max(1, len(questions))) as pool:
        return {"answers": dict(zip(questions, pool.map(answer, questions.values()), strict=True))}


def answer(question: dict[str, Any]) -> Answer:
    """Return one answer, or why there is none."""
    values = dict(question)
    try:
        return EXAMINED[values.pop("about")](**values)
    except (Failed, OSError, ValueError, subprocess.SubprocessError) as error:
        return {"failed": (str(error) or type(error).__name__)[-MOST_WORDS:]}


def disks(places: list[str]) -> Answer:
    """Return room and inodes of the file systems of `places`, and of those mounted below."""
    with open("/proc/self/mounts", "rb") as file:
        mounted = mount_points(file.read())
    starts = tuple(f"{place}/" for place in places if place != "/")
    below = [path for path in mounted if path.startswith(starts)]
    found = []
    seen = set()
    for path in (*places, *below):
        about = os.statvfs(path)
        number = os.stat(path).st_dev
        if number in seen or not about.f_blocks or (about.f_flag & os.ST_RDONLY and path in below):
            continue
        seen.add(number)
        found.append(
            {
                "path": path,
                "size_bytes": about.f_blocks * about.f_frsize,
                "free_bytes": about.f_bavail * about.f_frsize,
                "files": about.f_files,
                "free_files": about.f_favail,
                "read_only": bool(about.f_flag & os.ST_RDONLY),
            }
        )
    return {"disks": found}


def mount_points(table: bytes) -> list[str]:
    """Return where something is mounted; blanks are escaped there."""
    return [line.split()[1].decode("unicode_escape") for line in table.splitlines()]


def units() -> Answer:
    """Return the units that have failed, or die over and over, with their last words."""
    listed = run(
        ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full"], timeout=30
    )
    names = []
    for line in listed.splitlines():
        name, _, active, sub, *_ = line.split(None, 4)
        if active == "failed" or sub.startswith("auto-restart"):
            names.append(name)
    return {"failed_units": {name: last_words(name) for name in names}}


def last_words(unit: str) -> str:
    """Return the last line of the unit's own, or what systemd says about it."""
    for match in (f"_SYSTEMD_UNIT={unit}", f"--unit={unit}"):
        asked = ["journalctl", match, "--lines=1", "--no-pager", "--output=cat"]
        said = subprocess.run(asked, capture_output=True, timeout=30).stdout
        if said.strip():
            return said.decode("utf-8", "replace").strip()[-MOST_WORDS:]
    return "it said nothing"


def certificate(path: str, names: list[str], kind: str, address: str, port: int) -> Answer:
    """Return what openssl says of the first certificate in a file, and whether it is served."""
    if not os.path.exists(path):
        home = os.path.dirname(os.path.dirname(path))
        return {"is_there": False, "has_program": os.path.isdir(home)}
    asked = ["-noout", "-subject", "-issuer", "-enddate", "-fingerprint", "-sha256"]
    about = run(["openssl", "x509", "-in", path, *asked])
    parts = [line.partition("=") for line in about.splitlines()]
    values = {name.lower(): value.strip() for name, _, value in parts}  # versions differ in case
    of_certificate = run(["openssl", "x509", "-in", path, "-noout", "-pubkey"])
    of_key = run(["openssl", "pkey", "-in", path, "-pubout"])
    digest = values["sha256 fingerprint"].replace(":", "").lower()
    return {
        "is_there": True,
        "ends": values["notafter"],
        "is_self_signed": values["subject"] == values["issuer"],
        "fits_key": of_certificate.strip() == of_key.strip(),
        "lacks": [name for name in names if not is_for(path, name)],
        "is_served": served(address, port, names[0], kind) in (digest, ""),
    }


def served(address: str, port: int, name: str, kind: str) -> str:
    """Return the digest of what a client gets that knows one kind of certificate, "" for none."""
    import hashlib
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # later ones let no cipher choose the kind
    context.set_ciphers(f"ECDHE-{kind.upper()}-AES128-GCM-SHA256")
    try:
        with (
            socket.create_connection((address, port), CONNECT_SECONDS) as line,
            context.wrap_socket(line, server_hostname=name) as tls,
        ):
            return hashlib.sha256(tls.getpeercert(True) or b"").hexdigest()
    except OSError:
        return ""


def is_for(path: str, name: str) -> bool:
    """Return whether a certificate is made for a name."""
    asked = ["openssl", "x509", "-in", path, "-noout", "-checkhost", name]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=30)
    return "does match" in said.stdout


def login(
    address: str, port: int, database: str, role: str, account: str, passwords: str
) -> Answer:
    """Log in at a database as the application does; `passwords` is the account's pgpass file."""
    (door,) = probe([(address, port)], CONNECT_SECONDS / 2, 2)["answers"]
    if door != OPEN:
        return {"door": door}
    if not is_installed("psql"):
        return {"door": door, "lacks": "psql (postgresql-client)"}
    if not os.path.exists(passwords):
        return {"door": door, "lacks": passwords}
    asked = psql(account, "SELECT pg_is_in_recovery()", database, port)
    asked += ["--host", address, "--username", role]
    return {"door": door, **recovery(asked, {"PGPASSFILE": passwords, "PGSSLMODE": "require"})}


def psql(account: str, statement: str, database: str, port: int) -> list[str]:
    """Return the command that asks a database one thing; it never asks for a password."""
    command = ["runuser", "-u", account, "--", "psql", "--no-psqlrc", "--no-align", "--tuples-only"]
    command += ["--no-password", "--dbname", database, "--port", str(port), "--command", statement]
    return command


def recovery(asked: list[str], environment: dict[str, str]) -> Answer:
    """Return what a database says of itself: standby or not, or why it says nothing."""
    said, why_not = database_answer(asked, environment)
    return {"said": why_not} if why_not else {"is_standby": said == "t"}


def database_answer(asked: list[str], environment: dict[str, str]) -> tuple[str, str]:
    """Return what a database has answered to `psql`, and why it has not or ""."""
    said = subprocess.run(
        asked,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=4 * CONNECT_SECONDS,
        cwd="/",
        env=DEBIAN | environment | {"PGCONNECT_TIMEOUT": str(CONNECT_SECONDS)},
    )
    words = " ".join(said.stderr.split())[:MOST_WORDS] or f"psql: exit {said.returncode}"
    return said.stdout.strip(), words if said.returncode else ""


def is_installed(program: str) -> bool:
    """Return whether the host has a program."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders)


def mail(host: str, port: int) -> Answer:
    """Greet a mail server, and send nothing."""
    import smtplib

    kind = smtplib.SMTP_SSL if port == smtplib.SMTP_SSL_PORT else smtplib.SMTP
    try:
        with kind(host, port, timeout=CONNECT_SECONDS) as server:
            code, words = server.ehlo()
    except smtplib.SMTPException as error:
        return {"failed": str(error)[:MOST_WORDS]}
    return {"code": code, "said": words.decode("utf-8", "replace").partition("\n")[0][:MOST_WORDS]}


def health(address: str, port: int, path: str, name: str) -> Answer:
    """Return the status that a server's program answers this host with."""
    import http.client

    line = http.client.HTTPConnection(address, port, timeout=CONNECT_SECONDS)
    try:
        line.request("GET", path, headers={"Host": name})
        return {"status": line.getresponse().status}
    except (OSError, http.client.HTTPException) as error:
        return {"said": (str(error) or type(error).__name__)[:MOST_WORDS]}
    finally:
        line.close()


def backends(commands: list[str]) -> Answer:
    """Return what HAProxy says, and what operators have told it, newest last.

    `is_bare`: there is no HAProxy.
    """
    if not is_installed("haproxy"):
        return {"is_bare": True}
    asked = ["journalctl", "--identifier=stillhere-ops", f"--lines={MOST_LINES}", "--no-pager"]
    told = subprocess.run([*asked, "--output=short-iso", "--utc"], capture_output=True, timeout=30)
    lines = told.stdout.decode("utf-8", "replace").splitlines()
    return {**haproxy(commands), "told": [line for line in lines if "did='" in line]}


def there(paths: list[str]) -> Answer:
    """Return which of the files are there."""
    return {"there": [path for path in paths if os.path.exists(path)]}


def journals(folder: str) -> Answer:
    """Return the segments that each journal in a folder keeps, by its slot, and their size."""
    found = []
    for path in sorted(glob.glob(f"{folder}/*/id")):
        kept = glob.glob(f"{os.path.dirname(path)}/*.journal")
        size_bytes = sum(os.stat(one).st_size for one in kept)
        slot = path.split("/")[-2]
        found.append({"slot": slot, "segments": len(kept), "size_bytes": size_bytes})
    return {"journals": found}


EXAMINED: dict[str, Callable[..., Answer]] = {
    "disks": disks,
    "units": units,
    "certificate": certificate,
    "login": login,
    "cluster": cluster,
    "mail": mail,
    "health": health,
    "there": there,
    "journals": journals,
    "backends": backends,
    "handshakes": handshakes,
    "backups": listed,
}
