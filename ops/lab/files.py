"""What a lab keeps on disk: this is where keys, inventory, vault and hosts' files are written.

Outside the checkout, for root alone, and only what is not there yet: a second
`lab.up` changes no key. Private host keys are made here, so that the inventory
can pin them before a host was ever reached.
"""

import base64
import hashlib
import json
import secrets
import shutil
from pathlib import Path

from ops.errors import LabError
from ops.lab import object_store, vault, world
from ops.lab.authority import make_pair
from ops.lab.machine import must
from ops.lab.plan import HOSTS, Lab, LabHost

# Beside the inventory: the key by which the zone is changed, and who vouches for the ACME server
# and for S3.
_ZONE_KEY = "zone-key"
_AUTHORITY = "acme-authority.pem"


def write_fleet(lab: Lab) -> None:
    """Write keys, inventory, known_hosts and vault, unless they are there."""
    lab.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_key(lab.home / "id_ed25519", f"{lab.fleet} operator")
    if not (lab.home / _ZONE_KEY).exists():
        _write(lab.home / _ZONE_KEY, base64.b64encode(secrets.token_bytes(32)).decode())
    object_store.write_credentials(lab)
    for host in HOSTS:
        _make_key(_host_key(lab, host), host.name)
        _furnish(lab, host)
    if not (lab.home / "vault.toml.gpg").exists():
        vault.write(lab, _zone_access(lab))
    # The inventory is last: a task that finds it finds the rest.
    _write(lab.home / "known_hosts", known_hosts(lab))
    _write(lab.home / "inventory.toml", inventory(lab))


def remove(lab: Lab) -> None:
    """Remove all that the lab has on disk, and gpg's agent with it."""
    vault.forget_agents(lab)
    try:
        if lab.home.exists():
            shutil.rmtree(lab.home)
    except OSError as error:
        why = f"{error.filename} cannot be removed: {error.strerror}"
        raise LabError(
            f"{why}. Is somebody at work in {lab.home}? Then `fab lab.down` again."
        ) from None


def wipe(lab: Lab, host: LabHost) -> None:
    """Give a host that is off an empty disk; its key stays, which the inventory pins."""
    upper, key = lab.folder(host) / "upper", _host_key(lab, host)
    kept = {path: path.read_text("utf-8") for path in (key, key.with_name(f"{key.name}.pub"))}
    shutil.rmtree(upper)
    for path, text in kept.items():
        _write(path, text)
    _furnish(lab, host)


def inventory(lab: Lab) -> str:
    """Return the description of the fleet, as ops/inventory.py reads it."""
    client = lab.host("client")  # makes the load of tests
    lines = [
        "# Written by lab.up. `fab lab.down` removes it.",
        "[fleet]",
        f'name = "{lab.fleet}"',
        "lab = true",
        'site = "stillhere.test"',
        'pings = "ping.stillhere.test"',
        'mail_server = "world.stillhere.test:25"',
        'mail_from = "stillhere@stillhere.test"',
        "time_servers = []",
        f'rate_exempt = ["{lab.address(client)}/32", "{lab.address6(client)}/128"]',
        "",
        "[certificates]",
        f'directory = "{world.ACME_DIRECTORY}"',
        f'email = "hostmaster@{world.ZONE}"',
        'dns = "rfc2136"',
        f'authority = "{_AUTHORITY}"',
        "",
        *_backups(),
        "[operators.lab]",
        f'key = "{_public(lab.home / "id_ed25519")} lab"',
    ]
    for host in HOSTS:
        if host.role:
            lines += [
                "",
                f"[hosts.{host.name}]",
                f'role = "{host.role}"',
                f'data_center = "{host.segment}"',
                f'address = "{lab.address(host)}"',
                f'address6 = "{lab.address6(host)}"',
                *(["public = true"] if host.role == "load_balancer" else []),
                f'host_key = "{_public(_host_key(lab, host))}"',
            ]
    return "\n".join(lines) + "\n"


def _backups() -> tuple[str, ...]:
    return (
        "[backups]",
        f'endpoint = "{world.S3_ENDPOINT}"',
        f'region = "{object_store.REGION}"',
        f'bucket = "{object_store.BUCKET}"',
        f'prefix = "{object_store.PREFIX}"',
        f"recipients = {json.dumps(vault.RECIPIENTS)}",
        f'authority = "{_AUTHORITY}"',
        f"lock_days = {object_store.LOCK_DAYS}",
        "",
    )


def known_hosts(lab: Lab) -> str:
    """Return the pinned host keys, for ssh."""
    return "".join(
        f"{lab.address(host)},{lab.address6(host)} {_public(_host_key(lab, host))}\n"
        for host in HOSTS
    )


def host_files(lab: Lab, host: LabHost) -> dict[str, str]:
    """Return what a host has of its own, by path."""
    machine_id = hashlib.sha256(f"{lab.fleet}/{host.name}".encode()).hexdigest()[:32]
    names = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"
    others = "".join(
        f"{address} {each.name}.stillhere.test {each.name}\n"
        for each in HOSTS
        for address in (lab.address(each), lab.address6(each))
        if each != host
    )
    return {
        "etc/hostname": f"{host.name}\n",
        "etc/hosts": f"{names}127.0.1.1 {host.name}\n{others}",
        "etc/resolv.conf": f"nameserver {lab.address(lab.host('world'))}\n",
        "etc/machine-id": f"{machine_id}\n",
        "root/.ssh/authorized_keys": f"{_public(lab.home / 'id_ed25519')} lab\n",
    }


def _furnish(lab: Lab, host: LabHost) -> None:
    """Write the host's own files into its layer, before it has ever been on."""
    upper = lab.folder(host) / "upper"
    if (upper / "root").exists():
        return
    # The world's first: that a home of root's is there says that all the rest is.
    if host.name == "world":
        _copy_program(object_store.program(), upper / object_store.PROGRAM)
    for name, text in (_world_files(lab, host) | host_files(lab, host)).items():
        mode = 0o600 if name.startswith("root/") else 0o644
        _write(upper / name, text, mode)
    for folder in ("", "etc", "etc/ssh", "etc/systemd/system", "usr", "usr/local", "usr/local/bin"):
        if (upper / folder).exists():
            (upper / folder).chmod(0o755)


def _world_files(lab: Lab, host: LabHost) -> dict[str, str]:
    """Return what the world has besides, {} for every other host."""
    if host.name != "world":
        return {}
    pair = make_pair(f"{host.name}.{world.ZONE}")
    _write(lab.home / _AUTHORITY, pair.authority)
    return world.files(lab, _zone_key(lab), pair)


def _copy_program(program: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(program, path)
    path.chmod(0o755)


def _zone_key(lab: Lab) -> str:
    return (lab.home / _ZONE_KEY).read_text("utf-8")


def _host_key(lab: Lab, host: LabHost) -> Path:
    return lab.folder(host) / "upper/etc/ssh/ssh_host_ed25519_key"


def _make_key(path: Path, comment: str) -> None:
    if path.with_name(f"{path.name}.pub").exists():
        return
    path.unlink(missing_ok=True)  # one without its public half is of no use
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def _public(key: Path) -> str:
    """Return the public half without its comment."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text("utf-8").split()[:2])


def _zone_access(lab: Lab) -> dict[str, str]:
    """Return how lego gets into the zone: its environment, as entries of the vault."""
    return {
        "dns_rfc2136_nameserver": f"world.{world.ZONE}:53",
        "dns_rfc2136_tsig_key": f"{world.KEY_NAME}.",
        "dns_rfc2136_tsig_algorithm": f"{world.KEY_ALGORITHM}.",
        "dns_rfc2136_tsig_secret": _zone_key(lab),
        "dns_rfc2136_polling_interval": "1",
        "dns_rfc2136_sequence_interval": "1",  # seconds; 60 unless it is said
    }


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whole or not at all, readable as `mode` says from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode)
    new.write_text(text, "utf-8")
    new.chmod(mode)
    new.rename(path)
