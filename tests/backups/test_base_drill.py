"""Point-in-time recovery by its commands, with the real application: as timers and operators do.

A fleet's life in small: run --base on the standby, ship on both hosts, verify --base and list
where the private key is, restore --at. Each part is a program of its own, with its own file
of settings and its own identity of the store.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.commands.verify import drilled
from backups.layout import Kind
from backups.settings import read_settings
from tests.backups.archiving import Archiving, archiving_pair
from tests.backups.drilled import make_tables, pings, scratch_folder
from tests.backups.keyrings import Key, made_key
from tests.clusters import Node
from tests.postgresql import PORT, owner
from tests.s3 import KEEPER, OPERATOR, WRITER, Bucket, running_server

pytestmark = pytest.mark.long


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two database hosts and an observer, each by its file of settings."""

    folder: Path
    bucket: Bucket
    key: Key
    archiving: Archiving

    def settings(self, name: str, node: Node, identity: str) -> Path:
        scratch = self.folder / name
        scratch.mkdir()
        shutil.chown(scratch, *owner())  # PostgreSQL has to pass through, also when we are root
        store = self.bucket.settings(identity)
        path = self.folder / f"{name}.toml"
        path.write_text(
            f'recipients = ["{self.key.public}"]\n'
            f'scratch = "{scratch}"\n'
            f'[store]\nendpoint = "{store.endpoint}"\nbucket = "{store.bucket}"\n'
            f'credentials = "{store.credentials}"\n'
            f'[source]\nconninfo = "{_conninfo(node)}"\ntables = ["pings_ping"]\n'
            f'[wal]\nspool = "{self.archiving.spool(node)}"\n'
            f'[drill]\ngnupg_home = "{self.key.home}"\n'
            f'passphrase_file = "{self.key.passphrase_file}"\n'
        )
        return path

    def run(self, settings: Path, *words: str, status: int = 0) -> Any:
        """Run a command as its timer would; return what it prints as JSON."""
        command = [sys.executable, "-m", "backups", *words, "--settings", str(settings)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with (
        archiving_pair() as archiving,
        made_key("drill", passphrase="correct horse") as key,
        scratch_folder() as folder,
    ):
        yield Fleet(folder, running_server().new_bucket(), key, archiving)


def test_a_base_and_its_wal_are_verified_every_week_and_go_back(
    fleet: Fleet, tmp_path: Path
) -> None:
    pair = fleet.archiving.pair
    first = fleet.settings("first", pair.primary, WRITER)
    second = fleet.settings("second", pair.standby, WRITER)
    observer = fleet.settings("observer", pair.primary, KEEPER)
    make_tables(tmp_path, pair.primary.url)
    _ping(pair.primary, 10)
    pair.catch_up()

    assert fleet.run(first, "run", "--base", "--json") is None  # its standby does it
    base = fleet.run(second, "run", "--base", "--json")
    assert base["taken_from"] == "standby"
    _ping(pair.primary, 5)
    before = fleet.archiving.now()
    pair.primary.ask("DELETE FROM pings_ping")
    for _ in range(2):
        _ping(pair.primary, 1)
        fleet.archiving.switch()
    pair.catch_up()
    assert fleet.run(first, "ship", "--json")["files"] > 0
    assert fleet.run(first, "ship", "--json")["files"] == 0
    both = fleet.run(second, "ship", "--json")
    assert both["known"] == both["files"]

    verdict = fleet.run(observer, "verify", "--base", "--json")
    assert verdict["verified"]
    assert verdict["counts_restored"] == {"pings_ping": 2}  # all WAL is replayed
    listed = fleet.run(observer, "list", "--json")
    assert listed["newest_verified"]["id"] == base["id"]
    assert [one["trouble"] for one in listed["backups"]] == [""]

    _a_drill_goes_red_when_wal_no_longer_comes(observer)
    _a_drill_goes_red_for_a_gap(fleet, observer)

    parcel = fleet.run(observer, "restore", "--at", before.isoformat(), status=1)
    assert "--replace stillhere" in parcel
    done = fleet.run(
        observer, "restore", "--at", before.isoformat(), "--replace", "stillhere", "--json"
    )
    assert done["counts"] == {"pings_ping": 15}
    assert pair.primary.ask("SELECT count(*) FROM pings_ping") == [(15,)]
    assert set(done["seconds"]) >= {"open", "files", "check the files", "replay WAL", "dump"}


def _a_drill_goes_red_when_wal_no_longer_comes(observer: Path) -> None:
    settings = read_settings(observer)
    later = datetime.now(UTC) + timedelta(hours=27)
    verdict = drilled(settings, None, later, at_any_age=False, kind=Kind.BASE)
    assert not verdict.verified
    assert "is it still shipped?" in verdict.trouble


def _a_drill_goes_red_for_a_gap(fleet: Fleet, observer: Path) -> None:
    store = fleet.bucket.store(OPERATOR)
    lost = [one.key for one in store.listed("wal/") if "." not in one.key.removesuffix(".gpg")]
    content = store.read(lost[-2], 2**26)
    store.delete(lost[-2])
    try:
        verdict = drilled(
            read_settings(observer), None, datetime.now(UTC), at_any_age=False, kind=Kind.BASE
        )
        assert not verdict.verified
        assert "WAL is missing" in verdict.trouble
    finally:
        store.put(lost[-2], content, is_new=False)


def _ping(node: Node, count: int) -> None:
    statement, rows = pings("%s")
    now = datetime.now(UTC)
    ((last,),) = node.ask("SELECT coalesce(max(n), 0) FROM pings_ping")
    for check, n, _, *rest in rows[:count]:
        node.ask(statement, check, last + n, now, *rest)


def _conninfo(node: Node) -> str:
    return f"host={node.directory} port={PORT} user=stillhere dbname=stillhere"
