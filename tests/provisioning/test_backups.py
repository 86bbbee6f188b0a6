"""What hosts have for backups, and what they must not have."""

import argparse
import importlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backups.settings import Settings, read_credentials, read_settings
from ops.backups.listed import MOST_AGE
from provisioning import backups
from provisioning.errors import Contradiction
from provisioning.fleet import Fleet, Role
from provisioning.render import render
from provisioning.resources import File
from provisioning.roles import secrets_of
from tests.provisioning.described import PLAIN, described_fleet, files, machines, resources

DRILL = "drill <drill@example.org>"
PASSPHRASE = "correct horse"


@pytest.fixture
def fleet() -> Fleet:
    return described_fleet()


def with_backups(fleet: Fleet, **changed: object) -> Fleet:
    assert fleet.backups
    return replace(fleet, backups=replace(fleet.backups, **changed))  # type: ignore[arg-type]


def files_of(fleet: Fleet, name: str, **secrets: str) -> dict[str, File]:
    return files(resources(fleet, name, machines(fleet), PLAIN | secrets))


def settings_on(fleet: Fleet, name: str, tmp_path: Path) -> Settings:
    path = tmp_path / "backups.toml"
    path.write_text(files_of(fleet, name)[backups.SETTINGS].content or "", "utf-8")
    return read_settings(path)


@pytest.mark.parametrize("name", ["db1", "db2", "obs1"])
def test_the_program_understands_its_settings(fleet: Fleet, name: str, tmp_path: Path) -> None:
    settings = settings_on(with_backups(fleet, authority="keys/ada.asc"), name, tmp_path)
    found = files_of(with_backups(fleet, authority="keys/ada.asc"), name)
    store = settings.store
    assert (store.endpoint, store.bucket, store.prefix) == (
        "https://s3.example.org", "still-backups", "berlin/",
    )  # fmt: skip
    assert store.lock_days == (0 if name == "obs1" else 30)  # the drill's records need none
    # Whatever they name is there.
    for path in (store.credentials, store.authority, *settings.recipients):
        assert str(path) in found
    assert len(settings.recipients) == 2


def test_wal_is_shipped_from_where_postgresql_leaves_it(fleet: Fleet, tmp_path: Path) -> None:
    wal = settings_on(fleet, "db2", tmp_path).wal
    command = backups.archive_command(fleet)
    assert command.split()[1:] == [str(wal.spool), str(wal.most_bytes), "%p", "%f"]
    assert command.split()[0] in files_of(fleet, "db2")


def test_the_drill_finds_its_key_and_its_passphrase(fleet: Fleet, tmp_path: Path) -> None:
    settings = settings_on(fleet, "obs1", tmp_path)
    assert str(settings.drill.passphrase_file) in files_of(fleet, "obs1")
    assert settings.drill.gnupg_home == Path(backups.GNUPG_HOME)


def test_credentials_are_as_the_vault_has_them_whatever_is_in_them(
    fleet: Fleet, tmp_path: Path
) -> None:
    odd = 'a"b\\c\td\u00e9\U0001f511 e'
    found = files_of(fleet, "db1", backup_writer_secret=odd)["/etc/stillhere/backup-writer.toml"]
    assert (found.mode, found.owner, found.secret) == (0o600, "postgres", True)
    path = tmp_path / "writer.toml"
    path.write_text(found.content or "", "utf-8")
    path.chmod(0o600)
    read = read_credentials(path)
    assert (read.access_key_id, read.secret_access_key) == ("the-backup-writer-key-id", odd)


def test_each_host_has_the_secrets_of_its_own_part_alone(fleet: Fleet) -> None:
    """A database host can neither read a backup nor delete one; others have nothing of it."""
    names = [name for name in secrets_of(fleet) if name.startswith("backup_")]
    has = {}
    for host in fleet.hosts:
        text = "".join(one.content or "" for one in files_of(fleet, host.name).values())
        has[host.name] = {name for name in names if PLAIN[name] in text}
    writers, keepers = {*backups.WRITERS_SECRETS}, {*backups.KEEPERS_SECRETS}
    assert has == {
        host.name: {Role.DATABASE: writers, Role.OBSERVER: keepers}.get(host.role, set())
        for host in fleet.hosts
    }


def test_without_backups_no_host_has_anything_of_them(fleet: Fleet) -> None:
    without = replace(fleet, backups=None)
    assert not [name for name in secrets_of(without) if name.startswith("backup")]
    for host in without.hosts:
        described = resources(without, host.name, machines(without))
        assert not [each.key for each in described if "backup" in each.key or "-wal" in each.key]
    found = files_of(without, "db1")
    start = found["/etc/postgresql/17/main/conf.d/stillhere-start.conf"].content or ""
    assert "archive_mode = off\n" in start
    assert "local replication" not in (found["/etc/postgresql/17/main/pg_hba.conf"].content or "")


def test_one_observer_keeps_them(fleet: Fleet) -> None:
    """Two that prune would each count on what the other deletes."""
    second = replace(fleet.host("obs1"), name="obs2", address="192.0.2.99", address6="2001:db8::99")
    two = replace(fleet, hosts=(*fleet.hosts, second))
    assert backups.SETTINGS in files_of(two, "obs1")
    assert backups.SETTINGS not in files_of(two, "obs2")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("keys/none.asc", None, "cannot be read beside the inventory"),
        ("keys/no.asc", "no key\n", "is no public key"),
        ("keys/private.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "has a private key"),
    ],
)
def test_a_recipient_is_a_public_key(
    fleet: Fleet, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / "keys").mkdir()
        (tmp_path / name).write_text(text, "utf-8")
    here = replace(with_backups(fleet, recipients=(name,)), path=tmp_path / "berlin.toml")
    with pytest.raises(Contradiction, match=said):
        files_of(here, "db1")


def test_figures_are_written_where_they_are_read(fleet: Fleet) -> None:
    exporter = files_of(fleet, "obs1")["/etc/default/prometheus-node-exporter"].content or ""
    assert f'--collector.textfile.directory={backups.FIGURES}"' in exporter
    for name in ("db1", "lb1"):
        assert "textfile" not in (
            files_of(fleet, name)["/etc/default/prometheus-node-exporter"].content or ""
        )


def test_each_unit_reports_to_a_check_of_its_own(fleet: Fleet) -> None:
    for host, timers in (("db1", backups.ON_DATABASES), ("obs1", backups.ON_THE_OBSERVER)):
        found = files_of(fleet, host)
        for timer in timers:
            unit = found[f"/etc/systemd/system/stillhere-{timer.name}.service"].content or ""
            assert f"\nExecStart=/usr/bin/python3 -m backups {timer.command}\n" in unit
            (report,) = (line for line in unit.splitlines() if line.startswith("ExecStopPost="))
            assert report.endswith(f"provisioning.programs.reporting {timer.name}")


def test_each_unit_says_what_the_program_understands() -> None:
    words = [timer.command.split() for timer in (*backups.ON_DATABASES, *backups.ON_THE_OBSERVER)]
    for command, *options in [*words, ["metrics", "--textfile", "x"]]:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"backups.commands.{command}").add_arguments(parser)
        parser.parse_args(options)


def test_a_drill_has_time_before_the_dump_of_the_day_before_is_too_old() -> None:
    times = {
        timer.name: datetime.strptime(f"{timer.at} +0000", "*-*-* %H:%M:%S %z")
        for timer in (*backups.ON_DATABASES, *backups.ON_THE_OBSERVER)
        if timer.name in {"backup", "backup-verify"}
    }
    age = timedelta(days=1) + times["backup-verify"] - times["backup"]
    assert timedelta(days=1, minutes=30) <= age <= MOST_AGE - timedelta(minutes=30)


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with a key pair: drill.asc, and private.asc with its passphrase."""
    home = tmp_path / "made"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    gpg += ["--passphrase", PASSPHRASE, "--yes", "--armor"]
    make = [*gpg, "--quick-generate-key", DRILL, "future-default", "default", "never"]
    run = {"check": True, "capture_output": True, "timeout": 120}
    subprocess.run(make, **run)  # type: ignore[call-overload]
    for kind, name in (("--export", "drill.asc"), ("--export-secret-keys", "private.asc")):
        subprocess.run([*gpg, "--output", str(tmp_path / name), kind, DRILL], **run)  # type: ignore[call-overload]
    _end_agent(home)
    (tmp_path / "keyring").mkdir(mode=0o700)
    yield tmp_path
    _end_agent(tmp_path / "keyring")


def _end_agent(home: Path) -> None:
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], timeout=60, check=False)


def import_key(folder: Path, passphrase: str, recipient: Path) -> subprocess.CompletedProcess[str]:
    (folder / "passphrase").write_text(f"{passphrase}\n", "utf-8")
    own = [folder / name for name in ("private.asc", "passphrase")]
    script = render(
        "import-drill-key.sh",
        account="root",
        home=folder / "keyring",
        key=own[0],
        passphrase=own[1],
        recipients=[recipient],
        reads=[*own, recipient],
    )
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("runuser"), reason="needs root, runuser")
def test_the_drills_key_is_tried_when_it_is_brought(keyring: Path, fleet: Fleet) -> None:
    """Its passphrase, and that backups are encrypted for it: not only at night."""
    own, other = keyring / "drill.asc", fleet.path.with_name("keys") / "ada.asc"
    tried = keyring / "keyring/tried"
    wrong = import_key(keyring, "another", own)
    assert (wrong.returncode, tried.exists()) == (1, False)
    assert "is backup_drill_passphrase its passphrase" in wrong.stderr
    foreign = import_key(keyring, PASSPHRASE, other)
    assert (foreign.returncode, tried.exists()) == (1, False)
    assert "is none of the recipients" in foreign.stderr
    well = import_key(keyring, PASSPHRASE, own)
    assert (well.returncode, tried.exists()) == (0, True), well.stderr
    assert PASSPHRASE not in well.stdout + well.stderr
    assert len([*(keyring / "keyring/private-keys-v1.d").iterdir()]) == 2
