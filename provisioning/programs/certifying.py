"""Certificates on a host: ordered by lego on the observer, put in place on a balancer, shown.

An operator's session sends this (ops/remote), and hosts have it for their timers (renewing).
A pair is one file, certificates and key, as HAProxy wants it: site.pem.ecdsa, site.pem.rsa.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import syslog
import time
from itertools import product

KEPT = "/var/lib/stillhere-certificates"  # on the observer
LIVE = "/etc/haproxy/certificates"  # on a balancer
NEW, BEFORE = LIVE + ".new", LIVE + ".before"
CONFIG = "/etc/haproxy/haproxy.cfg"
KINDS = ("ecdsa", "rsa")
KEY_TYPES = {"ecdsa": "ec256", "rsa": "rsa2048"}  # lego's words for the keys that we want
# Each kind by what only it can do. With TLS 1.3 the client could not choose so plainly.
CIPHERS = {"ecdsa": "ECDHE+ECDSA+AESGCM", "rsa": "ECDHE+aRSA+AESGCM"}
LEGO_SECONDS = 540  # it waits for the zone to be the same everywhere
ANSWER_SECONDS = 5
MOST_AT_ONCE = 8
UNKNOWN_ACCOUNT = "accountDoesNotExist"
KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
)
SMALL_TALK = re.compile(r"\[(INFO|WARN)\]")
STAMP = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")

Handshake = dict[str, str]


class Failed(OSError):
    """It did not succeed; the text is for the operator."""


def certificates(folder: str, with_keys: bool = False) -> dict[str, dict[str, str]]:
    """Return the pairs that are there, by kind, as far as everybody may see them."""
    found = {}
    for kind in KINDS:
        with contextlib.suppress(FileNotFoundError), open(pair_path(folder, kind)) as file:
            text = file.read()
            found[kind] = text if with_keys else KEY.sub("", text)
    return {"pairs": found}


def order_certificate(
    kind: str,
    names: list[str],
    directory: str,
    email: str,
    provider: str,
    environment: dict[str, str],
    authority: str,
    audit: str,
) -> dict[str, str]:
    """Let lego get one certificate, and keep it when all has gone well."""
    log(audit)
    work = f"{KEPT}/work"
    command = ["lego", "--accept-tos", "--server", directory, "--email", email, "--path", work]
    command += ["--dns", provider, "--key-type", KEY_TYPES[kind]]
    command += [word for name in names for word in ("--domains", name)] + ["run"]
    known = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **environment}
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(f"{KEPT}/accounts", mode=0o700, exist_ok=True)
    os.makedirs(work, mode=0o700)
    try:
        # One account for both kinds.
        os.symlink("../accounts", f"{work}/accounts")
        if authority:
            known["LEGO_CA_CERTIFICATES"] = f"{work}/authority.pem"
            write_beside(known["LEGO_CA_CERTIFICATES"], authority)
        said = lego(command, known)
        if UNKNOWN_ACCOUNT in said:
            # The authority has forgotten us. Another account is as good.
            os.rename(f"{KEPT}/accounts", f"{KEPT}/accounts.unknown-{time.time():.0f}")
            os.makedirs(f"{KEPT}/accounts", mode=0o700)
            said = lego(command, known)
        if said:
            raise Failed(f"lego got no certificate: {reason(said, environment)}")
        texts = [open(f"{work}/certificates/{names[0]}.{end}").read() for end in ("crt", "key")]
        replace(pair_path(KEPT, kind), "".join(texts))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {}


def install_certificates(pairs: dict[str, str], audit: str) -> dict[str, str]:
    """Put both pairs in place if HAProxy takes them, and reload it. The old ones are kept."""
    with open(CONFIG) as file:
        config = file.read()
    if f"{LIVE}/" not in config or not os.path.exists(pair_path(LIVE, KINDS[0])):
        raise Failed("HAProxy has no certificates yet. fab apply first.")
    for folder in (NEW, BEFORE):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, mode=0o700)
    try:
        for kind, text in pairs.items():
            write_beside(pair_path(NEW, kind), text)
        # The live configuration, with nothing else than the new pairs in it.
        trial = f"{NEW}/haproxy.cfg"
        write_beside(trial, config.replace(f"{LIVE}/", f"{NEW}/"))
        run(["haproxy", "-c", "-q", "-f", trial], timeout=60)
        for kind in pairs:
            os.link(pair_path(LIVE, kind), pair_path(BEFORE, kind))
        for kind in pairs:
            os.replace(pair_path(NEW, kind), pair_path(LIVE, kind))
        sync_directory(LIVE)
    finally:
        shutil.rmtree(NEW, ignore_errors=True)
    log(audit)
    try:
        run(["systemctl", "reload", "haproxy"], timeout=90)
    except (Failed, subprocess.SubprocessError):
        put_back()
        raise
    return {}


def restore_certificates(audit: str) -> dict[str, str]:
    """Put the pairs back that were there before the last installation."""
    log(audit)
    put_back()
    run(["systemctl", "reload", "haproxy"], timeout=90)
    return {}


def handshakes(addresses: list[str], names: list[str], port: int) -> dict[str, list[Handshake]]:
    """Return what a client gets that names a host and knows one kind of key.

    Each has address, name, kind, and `certificate` or, if there was none, `trouble`.
    """
    # Here and below: every session pays for what the agent imports at its start.
    from concurrent.futures import ThreadPoolExecutor

    def one(asked: tuple[str, str, str]) -> Handshake:
        address, name, kind = asked
        about = {"address": address, "name": name, "kind": kind}
        try:
            return about | {"certificate": served(address, port, name, kind)}
        except OSError as error:
            return about | {"trouble": str(error)}

    # At once: one that nobody answers takes its time.
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return {"handshakes": list(pool.map(one, product(addresses, names, KINDS)))}


def served(address: str, port: int, name: str, kind: str) -> str:
    """Return the certificate that is shown, as PEM; whether it is right is for others to say."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS[kind])
    with (
        socket.create_connection((address, port), ANSWER_SECONDS) as line,
        context.wrap_socket(line, server_hostname=name) as tls,
    ):
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")


def lego(command: list[str], environment: dict[str, str]) -> str:
    """Return "" when it succeeded, else all that it said."""
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=LEGO_SECONDS,
    )
    return (done.stdout or f"exit {done.returncode}") if done.returncode else ""


def reason(said: str, environment: dict[str, str]) -> str:
    """Return its last words, on one line, with nothing that was given to it in confidence."""
    lines = [line for line in said.splitlines() if line.strip() and not SMALL_TALK.search(line)]
    words = " ".join(" ".join(STAMP.sub("", line) for line in lines or [said]).split())
    for name, secret in environment.items():
        if len(secret) > 3:
            words = words.replace(secret, f"<{name}>")
    return words[-1_500:]


def pair_path(folder: str, kind: str) -> str:
    """Return where a pair is."""
    return f"{folder}/site.pem.{kind}"


def put_back() -> None:
    """Put the old files in place; HAProxy is not told."""
    for kind in KINDS:
        with contextlib.suppress(FileNotFoundError):
            os.replace(pair_path(BEFORE, kind), pair_path(LIVE, kind))
    sync_directory(LIVE)


def replace(path: str, text: str) -> None:
    """Write a file for root alone, whole or not at all."""
    beside = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    write_beside(beside, text)
    os.replace(beside, path)
    sync_directory(os.path.dirname(path))


def write_beside(path: str, text: str) -> None:
    """Write a new file whole and to the disk, for root alone."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: str) -> None:
    """Make a rename in the directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def run(command: list[str], timeout: int, stdin: str = "") -> str:
    """Return the output of a command; Failed with its last words when it fails."""
    said = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
    )
    if said.returncode:
        words = (said.stderr.strip() or said.stdout.strip())[-2_000:]
        raise Failed(f"{' '.join(command)}: exit {said.returncode}. {words}")
    return said.stdout


def log(audit: str) -> None:
    """Leave a line in the journal."""
    syslog.openlog("stillhere-ops", 0, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_NOTICE, audit)
