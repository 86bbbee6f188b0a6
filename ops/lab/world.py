"""The rest of the world, on one host of the lab: names, certificates, S3, who gets mail.

knot       authoritative for stillhere.test; the key of ops/lab/files may change records (RFC 2136)
pebble     an ACME server, https://world.stillhere.test:14000/dir; validates by DNS-01 at knot
mail       port 25: each message becomes a file below MAIL
http       port 80: each request becomes a line of REQUESTS
s3         https://world.stillhere.test:8333, one bucket: ops/lab/object_store

Its units lie in the host before it is first switched on, and install by themselves
what they need: `fab lab.up` waits until they have.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from ops.errors import LabError
from ops.lab import hosts, object_store
from ops.lab.authority import Pair
from ops.lab.plan import HOSTS, Lab, LabHost

ZONE = "stillhere.test"
KEY_NAME = "fleet"
KEY_ALGORITHM = "hmac-sha256"
ACME_PORT = 14_000
ROOTS_PORT = 15_000  # pebble's own CA, by https: /roots/0, /intermediates/0
S3_ENDPOINT = f"https://world.{ZONE}:{object_store.PORT}"
ACME_DIRECTORY = f"https://world.{ZONE}:{ACME_PORT}/dir"
MAIL = "/var/lib/sink/mail"
REQUESTS = "/var/lib/sink/requests.jsonl"
TTL_SECONDS = 60
READY_SECONDS = 120.0
_VALID_SECONDS = 90 * 86_400  # as public ones give them

_PROGRAMS = "/usr/local/lib/stillhere-world"
_CONFIG = "/etc/stillhere-world"
_DATA = "/var/lib/stillhere-world"
_TARGET = "stillhere-world.target"
_PACKAGES = ("knot", "pebble", "python3-aiosmtpd")
_INSTALL = f"""#!/bin/sh
set -e
[ -e {_DATA}/installed ] && exit 0
DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install --yes \\
    --no-install-recommends {" ".join(_PACKAGES)}
touch {_DATA}/installed
"""
_LISTENS = f"until ss -Hltn | grep -q :{ACME_PORT}; do sleep 0.05; done"
# Name, whether it says itself when it is ready, command, and what else its unit has.
_SERVICES = (
    ("dns", True, f"/usr/sbin/knotd --config {_CONFIG}/knot.conf", "RuntimeDirectory=world-dns"),
    (
        "acme",
        False,
        f"/usr/bin/pebble -strict -config {_CONFIG}/pebble.json -dnsserver 127.0.0.1:53",
        # It validates a name once and remembers that until it starts again: lego polls so
        # seldom that each validation may take 5 s.
        "Environment=PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=100\n"
        f"ExecStartPost=/bin/sh -c '{_LISTENS}'",
    ),
    ("mail", True, f"/usr/bin/python3 -I {_PROGRAMS}/mail_sink.py {MAIL} 25", ""),
    ("http", True, f"/usr/bin/python3 -I {_PROGRAMS}/http_sink.py {REQUESTS} 80", ""),
)


def provide(lab: Lab) -> None:
    """Return when all of the world's services are ready. LabError: with what they said."""
    host = lab.host("world")
    start = ["systemctl", "start", _TARGET]
    done = hosts.execute(lab, host, start, timeout_seconds=READY_SECONDS)
    if done.returncode:
        ask = ["journalctl", "--no-pager", "-b", "-n", "20", "-o", "cat", "-u", "stillhere-world*"]
        said = hosts.execute(lab, host, ask).stdout.strip()
        raise LabError(f"The world's services did not start: {done.stderr.strip()}\n{said}")


def files(lab: Lab, key: str, pair: Pair) -> dict[str, str]:
    """Return what lies in the world before it is first on. `key` is the TSIG key, base64."""
    here = Path(__file__).parent
    texts = {
        f"{_CONFIG}/knot.conf": knot_conf(key),
        f"{_CONFIG}/pebble.json": pebble_json(),
        f"{_CONFIG}/world.crt": pair.certificate,
        f"{_CONFIG}/world.key": pair.key,
        f"{_CONFIG}/authority.pem": pair.authority,
        f"{_CONFIG}/install": _INSTALL,
        f"{_DATA}/{ZONE}.zone": zone(lab),
        **{
            f"{_PROGRAMS}/{name}": (here / name).read_text("utf-8")
            for name in ("mail_sink.py", "http_sink.py")
        },
        **object_store.files(lab, _CONFIG, f"world.{ZONE}"),
        **{f"/etc/systemd/system/{name}": text for name, text in _units()},
    }
    return {path.lstrip("/"): text for path, text in texts.items()}


def zone(lab: Lab) -> str:
    """Return the zone of the fleet: every host by its name, and what the public asks for."""
    balancers = [host for host in HOSTS if host.role == "load_balancer"]
    world = [lab.host("world")]
    lines = [
        f"$ORIGIN {ZONE}.",
        f"$TTL {TTL_SECONDS}",
        f"@ SOA world hostmaster 1 {TTL_SECONDS} {TTL_SECONDS} 86400 {TTL_SECONDS}",
        "@ NS world",
        "@ MX 10 mail",
        *_addresses(lab, "@", balancers),
        *_addresses(lab, "ping", balancers),
        *_addresses(lab, "mail", world),
    ]
    for host in HOSTS:
        lines += _addresses(lab, host.name, [host])
    return "\n".join(lines) + "\n"


def knot_conf(key: str) -> str:
    """Return the configuration of the name server. The key is in it."""
    return f"""server:
    rundir: "/run/world-dns"
    listen: [ "0.0.0.0@53", "::@53" ]
log:
  - target: stderr
    any: warning
database:
    storage: "{_DATA}"
key:
  - id: {KEY_NAME}
    algorithm: {KEY_ALGORITHM}
    secret: {key}
acl:
  - id: who-has-the-key
    key: {KEY_NAME}
    action: [ update, transfer ]
zone:
  - domain: {ZONE}
    storage: "{_DATA}"
    file: "{ZONE}.zone"
    acl: who-has-the-key
"""


def pebble_json() -> str:
    """Return the configuration of the ACME server."""
    values = {
        "listenAddress": f"[::]:{ACME_PORT}",
        "managementListenAddress": f"[::]:{ROOTS_PORT}",
        "certificate": f"{_CONFIG}/world.crt",
        "privateKey": f"{_CONFIG}/world.key",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "retryAfter": {"authz": 1, "order": 1},
        # The one is for Debian 12's version, the other for 13's.
        "certificateValidityPeriod": _VALID_SECONDS,
        "profiles": {"default": {"description": "", "validityPeriod": _VALID_SECONDS}},
    }
    return json.dumps({"pebble": values}, indent=2) + "\n"


def _addresses(lab: Lab, name: str, them: list[LabHost]) -> Iterator[str]:
    for host in them:
        yield f"{name} A {lab.address(host)}"
        yield f"{name} AAAA {lab.address6(host)}"


def _units() -> Iterator[tuple[str, str]]:
    names = [f"stillhere-world-{name}.service" for name, *_ in _SERVICES]
    s3 = "stillhere-world-s3.service"
    all_of_them = " ".join((*names, s3))
    yield _TARGET, f"[Unit]\nRequires={all_of_them}\nAfter={all_of_them}\n"
    yield "knot.service", ""  # empty, it masks the package's own
    yield "multi-user.target.d/world.conf", f"[Unit]\nWants={_TARGET}\n"
    pair = (f"{_CONFIG}/world.crt", f"{_CONFIG}/world.key")
    yield s3, object_store.unit(_CONFIG, f"{_DATA}/s3", pair)
    install = f"Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh {_CONFIG}/install\n"
    yield "stillhere-world-packages.service", f"[Service]\n{install}"
    first = "stillhere-world-packages.service"
    for name, (_, says_ready, command, more) in zip(names, _SERVICES, strict=True):
        kind = "notify" if says_ready else "exec"
        service = f"Type={kind}\nExecStart={command}\nRestart=always\nTimeoutStartSec=60\n{more}\n"
        yield name, f"[Unit]\nRequires={first}\nAfter={first}\n\n[Service]\n{service}"
