"""The lab's vault and its GPG keys: this is where they are made, once a lab.

gnupg/           the operator's home: the vault's key, which also opens backups
keys/            public halves, of the operator's key and of the drill's
vault.toml.gpg   secrets; the private half of the drill's key, and its passphrase, among them
"""

import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.lab import cgroups, object_store
from ops.lab.machine import must, run
from ops.lab.plan import Lab

NAMES = (
    "database_password_app",
    "database_password_replication",
    "secret_key",
    "metrics_token",
    "canary",  # found anywhere but in the vault, a secret has leaked
)
RECIPIENTS = ("keys/operator.asc", "keys/drill.asc")
_OPERATOR, _DRILL = RECIPIENTS


def write(lab: Lab, others: Mapping[str, str]) -> None:
    """Make the keys and the vault. `others`: what else is to be in it."""
    vault, home = lab.home / "vault.toml.gpg", lab.home / "gnupg"
    (lab.home / "keys").mkdir(exist_ok=True, mode=0o700)
    name = f"{lab.fleet} <{lab.fleet}@stillhere.test>"
    _make_key(lab, home, name, "")
    _write(lab.home / _OPERATOR, _gpg(lab, home, ["--armor", "--export"]))
    known = {name: secrets.token_urlsafe(48) for name in NAMES}
    known |= {**others, **_backup_access(lab), **_drill_key(lab)}
    # JSON's texts are TOML's, too.
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in known.items())
    encrypt = ["--recipient", name, "--output", f"{vault}.new", "--yes", "--encrypt"]
    _gpg(lab, home, encrypt, text)
    vault.with_name(f"{vault.name}.new").chmod(0o600)
    vault.with_name(f"{vault.name}.new").rename(vault)


def forget_agents(lab: Lab) -> None:
    """End what gpg left running, and remove its sockets."""
    for home in (lab.home / "gnupg", lab.home / "gnupg-drill"):
        if home.exists():
            run(["gpgconf", "--homedir", str(home), "--kill", "all"])
            run(["gpgconf", "--homedir", str(home), "--remove-socketdir"])


def _backup_access(lab: Lab) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (object_store.WRITER, object_store.KEEPER):
        identity, secret = object_store.credentials(lab, name)
        found |= {f"backup_{name}_key_id": identity, f"backup_{name}_secret": secret}
    return found


def _drill_key(lab: Lab) -> dict[str, str]:
    """Make the drill's key in a home that is gone afterwards: it lives on the observer alone."""
    home, passphrase = lab.home / "gnupg-drill", secrets.token_urlsafe(48)
    _make_key(lab, home, f"{lab.fleet} drill <drill@stillhere.test>", passphrase)
    _write(lab.home / _DRILL, _gpg(lab, home, ["--armor", "--export"]))
    export = [*_typed(), "--armor", "--export-secret-keys"]
    key = _gpg(lab, home, export, f"{passphrase}\n")
    forget_agents(lab)
    shutil.rmtree(home)
    return {"backup_drill_key": key, "backup_drill_passphrase": passphrase}


def _make_key(lab: Lab, home: Path, name: str, passphrase: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    make = [*_typed(), "--quick-generate-key", name, "future-default", "", "never"]
    _gpg(lab, home, make, f"{passphrase}\n")


def _typed() -> list[str]:
    """Return the options by which a passphrase is the first line of stdin."""
    return ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]


def _gpg(lab: Lab, home: Path, words: Sequence[str], stdin: str = "") -> str:
    # In the lab's cgroup, since gpg leaves an agent running.
    cgroup = cgroups.made(lab, "gnupg")
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty", *words]
    return must(cgroups.inside(cgroup, gpg), stdin=stdin, timeout_seconds=60)


def _write(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text, "utf-8")
