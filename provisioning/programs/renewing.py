"""Certificates are renewed with nobody at hand: ordered on the observer, fetched by balancers.

    order     on the observer: what expires soon, or is not for the fleet's names any more
    fetch     on a balancer: both pairs, judged here, put in place, and proved

SETTINGS says all else; `fab apply` writes it, and the timers (docs/decisions/0023). A balancer
comes to the observer by SSH with its own host key, and gets one thing there: the two files.
Nobody comes to a balancer. Only Python 3.11's own library here.
"""

import contextlib
import fcntl
import io
import json
import os
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from provisioning.programs import certifying
from provisioning.programs.certifying import KEPT, KINDS, LIVE, Failed, pair_path, run

SETTINGS = "/etc/stillhere/certificates.json"
LOCK = "/run/stillhere-operator"  # the operators' own: nobody deploys over a reload of ours
LOCK_SECONDS = 900
FETCH_SECONDS = 60
PROOF_SECONDS = 15.0  # a reload goes on while the old process still takes connections
MOST_BYTES = 200_000  # two pairs are a twentieth of that
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)
DAY_SECONDS = 86_400

Settings = dict[str, Any]


def main(verb: str) -> int:
    """Do one of the two; 1 says that it failed, and stderr why."""
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    try:
        {"order": order, "fetch": fetch}[verb](settings)
    except (OSError, KeyError, subprocess.SubprocessError, tarfile.TarError) as error:
        print(f"{verb}: {error}", file=sys.stderr)
        return 1
    return 0


def order(settings: Settings) -> None:
    """Have lego get what is due. Failed when one could not be had; the old one stays."""
    names, what = settings["names"], settings["order"]
    for kind in KINDS:
        path = pair_path(KEPT, kind)
        if not os.path.exists(path):
            raise Failed(f"{path} is not there: fab certs.issue orders the first ones.")
        with open(path, encoding="utf-8") as file:
            why = due(file.read(), names, settings["days"])
        if not why:
            say(f"{kind}: nothing is due")
            continue
        with held(f"order certificate {kind}"):
            with open(path, encoding="utf-8") as file:
                if not due(file.read(), names, settings["days"]):
                    say(f"{kind}: an operator has ordered it meanwhile")
                    continue
            audit = f"timer did='order certificate {kind} for {', '.join(names)}: {why}'"
            certifying.order_certificate(kind=kind, names=names, audit=audit, **what)
        say(f"{kind}: ordered, since it {why}")


def due(text: str, names: list[str], days: int) -> str:
    """Return why a certificate has to be renewed; "" when it need not be."""
    if left_days(text) < days:
        return f"expires in {left_days(text):.0f} days"
    lacking = [name for name in names if not is_for(text, name)]
    return f"is not for {', '.join(lacking)}" if lacking else ""


def fetch(settings: Settings) -> None:
    """Show what the observer keeps. Failed when that is not good enough; the old pairs stay."""
    if fetched(settings) == in_use():
        say("the observer has nothing new")
        return
    with held("install certificates"):
        # Again: who held the host may have had others made, and those before may be stolen.
        pairs, before = fetched(settings), in_use()
        if pairs == before:
            say("an operator has installed them meanwhile")
            return
        for kind, text in pairs.items():
            if trouble := trouble_of(text, settings["names"]):
                raise Failed(f"{kind} of the observer was not taken: {trouble}")
            if left_days(text) < left_days(before[kind]) and not is_self_signed(before[kind]):
                raise Failed(f"{kind} of the observer ends before the one that is in use.")
        certifying.install_certificates(pairs, "timer did='install certificates'")
        if wrong := unproved(pairs, settings):
            certifying.restore_certificates("timer did='restore certificates'")
            raise Failed(f"clients did not get them, the old ones are back: {wrong}")
    say("the new ones are shown")


def in_use() -> dict[str, str]:
    """Return the pairs that this balancer has."""
    return certifying.certificates(LIVE, with_keys=True)["pairs"]


def fetched(settings: Settings) -> dict[str, str]:
    """Return both pairs as the observer has them, keys and all: only in memory."""
    command = ["ssh", "-F", "none", "-T", "-i", settings["key"]]
    for option in (
        f"UserKnownHostsFile={settings['known_hosts']}",
        *("StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none", "IdentitiesOnly=yes"),
        *("BatchMode=yes", "ConnectTimeout=10", "LogLevel=ERROR"),
    ):
        command += ["-o", option]
    asked = [*command, "-p", str(settings["ssh_port"]), f"root@{settings['observer']}"]
    return unpacked(answered(asked))


def answered(command: list[str]) -> bytes:
    """Return what the observer says. Failed when that is too late, or more than two pairs are.

    An observer that is broken into may send without end.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        late = threading.Timer(FETCH_SECONDS, process.kill)
        late.start()
        try:
            said = process.stdout.read(MOST_BYTES + 1)
            if len(said) > MOST_BYTES:
                raise Failed("the observer gave more than two pairs are.")
            words = process.stderr.read(MOST_BYTES)[-500:].decode("utf-8", "replace").strip()
            if status := process.wait():
                raise Failed(f"the observer gave nothing: {words or f'exit {status}'}")
        finally:
            late.cancel()
            process.kill()
    return said


def unpacked(archive: bytes) -> dict[str, str]:
    """Return both pairs of an archive. Failed when it is none, or has anything else."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed:
        for kind in KINDS:
            about = packed.getmember(os.path.basename(pair_path(KEPT, kind)))
            # Small files as they are: no link, and none that is much larger than it was sent.
            content = packed.extractfile(about) if about.isreg() else None
            if content is None or about.size > MOST_BYTES:
                raise Failed(f"{kind} of the observer is no pair.")
            found[kind] = content.read().decode("utf-8", "replace")
    return found


def trouble_of(text: str, names: list[str]) -> str:
    """Return what clients would dislike, or ""; whether key and kind fit, HAProxy says."""
    chain = CERTIFICATE.findall(text)
    if len(chain) < 2:
        return "it comes without its intermediate certificate"
    if is_self_signed(chain[0]):
        return "it is self-signed"
    if left_days(chain[0]) <= 0:
        return "it has expired"
    lacking = [name for name in names if not is_for(chain[0], name)]
    return f"it is not for {', '.join(lacking)}" if lacking else trouble_of_chain(chain)


def trouble_of_chain(chain: list[str]) -> str:
    """Return why the first certificate does not follow from the others, at this time, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number}.pem" for number in range(len(chain))]
        for path, text in zip(paths, chain, strict=True):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        others = [word for path in paths[2:] for word in ("-untrusted", path)]
        # Where the chain ends is for clients to know: the last one is as good as a root.
        asked = ["openssl", "verify", "-partial_chain", "-trusted", paths[1], *others, paths[0]]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=30)
    why = re.search("error [0-9]+ at .*: (.*)", said.stderr)
    return (
        f"its chain is broken: {why[1] if why else said.stderr[-200:]}" if said.returncode else ""
    )


def unproved(pairs: dict[str, str], settings: Settings) -> str:
    """Return "" when a client gets them, by each address, name and kind; else what it got."""
    deadline = time.monotonic() + PROOF_SECONDS
    wanted = {kind: ssl.PEM_cert_to_DER_cert(first(text)) for kind, text in pairs.items()}
    while True:
        got = certifying.handshakes(settings["addresses"], settings["names"], settings["port"])
        wrong = [
            f"{one['kind']} for {one['name']} at {one['address']}: {one.get('trouble', 'another')}"
            for one in got["handshakes"]
            if "certificate" not in one
            or ssl.PEM_cert_to_DER_cert(one["certificate"]) != wanted[one["kind"]]
        ]
        if not wrong or time.monotonic() > deadline:
            return "; ".join(wrong[:2])
        time.sleep(0.3)


@contextlib.contextmanager
def held(why: str) -> Iterator[None]:
    """Hold this host as an operator does; Failed when somebody is at work for long."""
    deadline = time.monotonic() + LOCK_SECONDS
    with open(LOCK, "a+") as file:
        os.fchmod(file.fileno(), 0o600)  # who can read a file can hold it, a service's user too
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    file.seek(0)
                    raise Failed(f"the host is held by {file.read()}") from None
                time.sleep(1)
        file.truncate(0)
        file.write(f"a timer since {datetime.now(UTC):%H:%M:%S UTC}: {why}")
        file.flush()
        yield


def left_days(text: str) -> float:
    """Return how long the first certificate of a text is still valid."""
    ends = run(["openssl", "x509", "-noout", "-enddate"], 30, text).strip().partition("=")[2]
    return (ssl.cert_time_to_seconds(ends) - time.time()) / DAY_SECONDS


def is_for(text: str, name: str) -> bool:
    """Tell whether the first certificate of a text is for a name."""
    asked = ["openssl", "x509", "-noout", "-checkhost", name]
    said = subprocess.run(asked, input=text, capture_output=True, text=True, timeout=30)
    return "does match" in said.stdout


def is_self_signed(text: str) -> bool:
    """Tell whether the first certificate of a text is its own authority's."""
    said = run(["openssl", "x509", "-noout", "-subject_hash", "-issuer_hash"], 30, text).split()
    return said[0] == said[1]


def first(text: str) -> str:
    """Return the first certificate of a text."""
    found: list[str] = CERTIFICATE.findall(text)
    return found[0] + "\n"


def say(words: str) -> None:
    """Leave a line in the unit's journal."""
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
