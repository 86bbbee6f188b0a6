"""The program as timers and operators start it."""

import json
import subprocess
import sys
from pathlib import Path

from backups.settings import Settings
from tests.architecture.tree import ROOT
from tests.backups.places import write_settings
from tests.s3 import KEEPER, Bucket, running_server


def backups(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backups", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_tells_of_every_command() -> None:
    done = backups("--help")
    assert done.returncode == 0
    assert "Take a backup of the database now." in done.stdout
    assert "List the backups in the bucket" in done.stdout


def test_wrong_settings_are_one_line_and_a_failure(tmp_path: Path) -> None:
    done = backups("list", "--settings", str(tmp_path / "absent.toml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{tmp_path}/absent.toml cannot be read: No such file or directory.\n"


def test_a_command_line_that_is_wrong_is_status_2() -> None:
    assert backups("back-up").returncode == 2


def test_run_prints_its_manifest_and_list_finds_it(settings: Settings, tmp_path: Path) -> None:
    conninfo = settings.source.conninfo
    recipients, scratch = settings.recipients, settings.scratch
    ours = write_settings(tmp_path / "run.toml", settings.store, recipients, scratch, conninfo)
    ran = backups("run", "--json", "--settings", str(ours))
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("dump 20")  # one line, and no bar: this is no terminal
    assert ran.stderr.count("\n") == 1
    keeper = Bucket(running_server(), settings.store.bucket).settings(KEEPER)
    theirs = write_settings(tmp_path / "list.toml", keeper, (), scratch, conninfo)
    listed = backups("list", "--json", "--settings", str(theirs))
    (one,) = json.loads(listed.stdout)["backups"]
    assert one["id"] == json.loads(ran.stdout)["id"]
    assert (one["trouble"], one["verified_at"]) == ("", None)
