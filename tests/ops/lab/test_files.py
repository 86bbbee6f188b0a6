import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from ops.lab import files, vault, world
from ops.lab.plan import HOSTS, Lab


def test_the_inventory_describes_every_host_that_has_a_role(planned: Lab) -> None:
    fleet = tomllib.loads(files.inventory(planned))
    assert fleet["fleet"]["name"] == "lab-p"
    assert fleet["fleet"]["lab"] is True
    assert fleet["operators"]["lab"]["key"].startswith("ssh-ed25519 ")
    assert list(fleet["hosts"]) == [host.name for host in HOSTS if host.role]
    database = fleet["hosts"]["db1"]
    assert database == {
        "role": "database",
        "data_center": "inside",
        "address": planned.address(planned.host("db1")),
        "address6": planned.address6(planned.host("db1")),
        "host_key": database["host_key"],
    }
    public = [name for name, host in fleet["hosts"].items() if host.get("public")]
    assert public == ["lb1", "lb2"]


def test_host_keys_are_pinned_for_both_addresses_of_every_host(planned: Lab) -> None:
    fleet = tomllib.loads(files.inventory(planned))
    pinned = dict(line.split(" ", 1) for line in files.known_hosts(planned).splitlines())
    one = fleet["hosts"]["lb1"]
    assert pinned[f"{one['address']},{one['address6']}"] == one["host_key"]
    assert len(set(pinned.values())) == len(HOSTS)


def test_what_a_host_gets_lets_the_operator_in_and_asks_the_world_for_names(planned: Lab) -> None:
    given = files.host_files(planned, planned.host("app1"))
    key = (planned.home / "id_ed25519.pub").read_text().split()[1]
    assert key in given["root/.ssh/authorized_keys"]
    assert given["etc/resolv.conf"] == f"nameserver {planned.address(planned.host('world'))}\n"


def test_a_new_machine_has_an_empty_disk_and_the_key_that_is_pinned(planned: Lab) -> None:
    host = planned.host("db1")
    upper, key = planned.folder(host) / "upper", _host_key(planned, "db1")
    pinned = key.read_text()
    data = upper / "var/lib/postgresql/data"
    data.parent.mkdir(parents=True)
    data.write_text("pings")
    files.wipe(planned, host)
    assert not data.parent.exists()
    assert key.read_text() == pinned
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    given = files.host_files(planned, host)
    assert {name: (upper / name).read_text() for name in given} == given


def test_backups_go_to_the_labs_own_s3_for_two_who_may_decrypt_them(planned: Lab) -> None:
    backups = tomllib.loads(files.inventory(planned))["backups"]
    assert backups["endpoint"] == world.S3_ENDPOINT
    assert backups["recipients"] == ["keys/operator.asc", "keys/drill.asc"]
    assert backups["lock_days"] > 0


BACKUP_SECRETS = ("backup_writer_secret", "backup_keeper_secret", "backup_drill_passphrase")


@pytest.mark.lab
def test_everything_that_was_written_is_for_root_alone(lab: Lab) -> None:
    names = ["inventory.toml", "id_ed25519", "known_hosts", "vault.toml.gpg"]
    modes = {name: stat.S_IMODE((lab.home / name).stat().st_mode) for name in names}
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(lab.home.stat().st_mode) == 0o700


@pytest.mark.lab
def test_the_vault_opens_with_the_throw_away_key_and_asks_nothing(lab: Lab) -> None:
    gpg = ["gpg", "--homedir", str(lab.home / "gnupg"), "--batch", "--quiet", "--decrypt"]
    opened = subprocess.check_output(
        [*gpg, str(lab.home / "vault.toml.gpg")], timeout=30, text=True
    )
    secrets = tomllib.loads(opened)
    own = {name for name in secrets if not name.startswith(("dns_", "backup_"))}
    assert own == set(vault.NAMES)
    made = [secrets[name] for name in (*vault.NAMES, "dns_rfc2136_tsig_secret", *BACKUP_SECRETS)]
    assert len(set(made)) == len(made)
    assert min(map(len, made)) >= 32


@pytest.fixture
def planned(tmp_path: Path) -> Lab:
    """Give a lab of which there are only its keys."""
    lab = Lab("p", tmp_path)
    lab.home.mkdir()
    for key in (lab.home / "id_ed25519", *(_host_key(lab, host.name) for host in HOSTS)):
        key.parent.mkdir(parents=True, exist_ok=True)
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
        subprocess.run(make, check=True, timeout=30)
    return lab


def _host_key(lab: Lab, name: str) -> Path:
    return lab.folder(lab.host(name)) / "upper/etc/ssh/ssh_host_ed25519_key"
