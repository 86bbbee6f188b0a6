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
from backups.verify import Verdict
from tests.backups.archiving import Archiving, archiving_pair
from tests.backups.drilled import make_tables, pings, scratch_folder
from tests.backups.keyrings import Key, made_key
from tests.clusters import Node
from tests.postgresql import PORT, owner
from tests.s3 import KEEPER, OPERATOR, WRITER, Bucket, running_server

# Each starts several programs, and a machine may be busy.
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


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


@dataclass(frozen=True, slots=True)
class Story:
    """What has happened: pings, a base, pings, a DELETE, pings; both hosts have shipped."""

    fleet: Fleet
    observer: Path
    base: Any
    before_the_delete: datetime
    shipped: tuple[Any, ...]  # by the first host, again by it, by the second

    def drilled(self, now: datetime | None = None) -> Verdict:
        settings, now = read_settings(self.observer), now or datetime.now(UTC)
        return drilled(settings, None, now, at_any_age=False, kind=Kind.BASE)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with (
        archiving_pair() as archiving,
        made_key("drill", passphrase="correct horse") as key,
        scratch_folder() as folder,
    ):
        fleet = Fleet(folder, running_server().new_bucket(), key, archiving)
        pair = archiving.pair
        first = fleet.settings("first", pair.primary, WRITER)
        second = fleet.settings("second", pair.standby, WRITER)
        make_tables(tmp_path_factory.mktemp("application"), pair.primary.url)
        _ping(pair.primary, 10)
        pair.catch_up()
        assert fleet.run(first, "run", "--base", "--json") is None  # its standby does it
        base = fleet.run(second, "run", "--base", "--json")
        _ping(pair.primary, 5)
        before = archiving.now()
        pair.primary.ask("DELETE FROM pings_ping")
        for _ in range(2):
            _ping(pair.primary, 1)
            archiving.switch()
        pair.catch_up()
        shipped = tuple(fleet.run(one, "ship", "--json") for one in (first, first, second))
        observer = fleet.settings("observer", pair.primary, KEEPER)
        yield Story(fleet, observer, base, before, shipped)


def test_what_both_hosts_ship_is_stored_once(story: Story) -> None:
    first, again, second = story.shipped
    assert story.base["taken_from"] == "standby"
    assert first["files"] > 0
    assert again["files"] == 0
    assert second["known"] == second["files"] > 0


def test_a_base_with_all_its_wal_is_verified(story: Story) -> None:
    verdict = story.fleet.run(story.observer, "verify", "--base", "--json")
    assert verdict["verified"]
    assert verdict["counts_restored"] == {"pings_ping": 2}  # all WAL is replayed
    listed = story.fleet.run(story.observer, "list", "--json")
    assert listed["newest_verified"]["id"] == story.base["id"]
    assert [one["trouble"] for one in listed["backups"]] == [""]


def test_the_drill_is_red_when_wal_no_longer_comes(story: Story) -> None:
    verdict = story.drilled(datetime.now(UTC) + timedelta(hours=27))
    assert not verdict.verified
    assert "is it still shipped?" in verdict.trouble


def test_the_drill_is_red_for_a_gap(story: Story) -> None:
    store = story.fleet.bucket.store(OPERATOR)
    whole = [one.key for one in store.listed("wal/") if "." not in one.key.removesuffix(".gpg")]
    content = store.read(whole[-2], 2**26)
    store.delete(whole[-2])
    try:
        verdict = story.drilled()
        assert not verdict.verified
        assert "WAL is missing" in verdict.trouble
    finally:
        store.put(whole[-2], content, is_new=False)


def test_a_database_goes_back_to_the_moment_before_a_mistake(story: Story) -> None:
    words = ("restore", "--at", story.before_the_delete.isoformat())
    assert "--replace stillhere" in story.fleet.run(story.observer, *words, status=1)
    done = story.fleet.run(story.observer, *words, "--replace", "stillhere", "--json")
    assert done["counts"] == {"pings_ping": 15}
    primary = story.fleet.archiving.pair.primary
    assert primary.ask("SELECT count(*) FROM pings_ping") == [(15,)]
    assert set(done["seconds"]) >= {"open", "files", "check the files", "replay WAL", "dump"}


def _ping(node: Node, count: int) -> None:
    statement, rows = pings("%s")
    now = datetime.now(UTC)
    ((last,),) = node.ask("SELECT coalesce(max(n), 0) FROM pings_ping")
    for check, n, _, *rest in rows[:count]:
        node.ask(statement, check, last + n, now, *rest)


def _conninfo(node: Node) -> str:
    return f"host={node.directory} port={PORT} user=stillhere dbname=stillhere"
