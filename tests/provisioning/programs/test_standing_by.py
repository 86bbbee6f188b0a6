"""The making of a standby: whom it copies, what it clears away, and that the copy follows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.programs import database_peers, standing_by
from provisioning.programs.database_peers import Peer
from provisioning.programs.standing_by import Failed
from tests.clusters import Node, Pair, running_pair
from tests.postgresql import PORT, owner, program

VERSION = program("postgres").parts[4]


def peer_of(node: Node) -> Peer:
    return Peer(node.directory.name, (str(node.directory),), PORT)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        pair.primary.ask("CREATE ROLE replication LOGIN REPLICATION")
        pair.catch_up()
        yield pair


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: Pair) -> Path:
    """Return the file of other hosts: both servers, as a third host sees them."""
    monkeypatch.setattr(standing_by, "WAIT_SECONDS", 0)
    path = tmp_path / "peers.json"
    listed = [
        {"name": one.directory.name, "address": str(one.directory), "address6": "/nowhere"}
        for one in (pair.standby, pair.primary)
    ]
    path.write_text(json.dumps({"peers": listed, "port": PORT}))
    found = database_peers.peers_in(path)
    monkeypatch.setattr(database_peers, "peers_in", lambda: found)
    return path


def test_it_copies_the_primary_and_no_standby(pair: Pair, peers: Path) -> None:
    peer, answer = standing_by.wait_for_primary(VERSION)
    assert peer.name == pair.primary.directory.name
    assert answer.is_primary


def test_another_version_is_refused_before_anything_is_touched(pair: Pair, peers: Path) -> None:
    with pytest.raises(Failed, match=f"is PostgreSQL {VERSION}, this host has 99"):
        standing_by.wait_for_primary("99")


def test_who_hears_no_primary_says_what_each_host_said(
    pair: Pair, peers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby, away = peer_of(pair.standby), Peer("db3", ("/nowhere",), PORT)
    monkeypatch.setattr(database_peers, "peers_in", lambda: (standby, away))
    with pytest.raises(Failed, match=rf"{standby.name}: a standby; db3: .*/nowhere"):
        standing_by.wait_for_primary(VERSION)


def test_of_two_primaries_none_is_copied(
    pair: Pair, peers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = peer_of(pair.primary)
    twice = (one, Peer("db3", one.addresses, PORT))
    monkeypatch.setattr(database_peers, "peers_in", lambda: twice)
    with pytest.raises(Failed, match="both take writes"):
        standing_by.wait_for_primary(VERSION)


def test_the_copy_follows_by_a_slot_that_kept_its_log(pair: Pair) -> None:
    """The slot that is there may have lost what it was to keep: it is made anew."""
    peer = peer_of(pair.primary)
    pair.primary.ask("SELECT pg_create_physical_replication_slot('third', true)")
    slot = "SELECT restart_lsn::text, active FROM pg_replication_slots WHERE slot_name = 'third'"
    ((before, _),) = pair.primary.ask(slot)
    pair.primary.ask("SELECT pg_switch_wal()")
    pair.primary.ask("CHECKPOINT")
    pair.primary.ask("CREATE TABLE kept AS SELECT 1 AS one")
    standing_by.have_slot(peer, peer.addresses[0], "third")
    ((after, _),) = pair.primary.ask(slot)
    assert after != before
    third = Node(pair.standby.directory.with_name("stillhere-third"), pair.standby.settings)
    third.directory.mkdir()
    shutil.chown(third.directory, *owner())
    try:
        standing_by.copy(VERSION, third.data, peer, peer.addresses[0], "third")
        standing_by.write_synced(third.data / "standby.signal", "", like=third.data)
        third.start()
        assert third.ask("SELECT pg_is_in_recovery(), one FROM kept") == [(True, 1)]
    finally:
        third.kill()
        shutil.rmtree(third.directory)
        pair.primary.ask("SELECT pg_drop_replication_slot('third')")


def test_a_slot_that_somebody_streams_from_is_left_to_them(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_by, "SLOT_SECONDS", 0)
    peer = peer_of(pair.primary)
    with pytest.raises(Failed, match="the slot standby is in use"):
        standing_by.have_slot(peer, peer.addresses[0], "standby")
    assert pair.primary.ask("SELECT active FROM pg_replication_slots") == [(True,)]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [(None, False), ("17/main\nstandby\n", True), ("17/main\n", True)],
)
def test_only_what_was_in_the_making_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str | None, expected: bool
) -> None:
    path = tmp_path / "mark"
    monkeypatch.setattr(standing_by, "MARK", path)
    if mark is not None:
        path.write_text(mark)
    assert standing_by.may_be_cleared_away("17") == expected


def test_what_is_in_the_making_of_another_version_is_somebodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mark"
    monkeypatch.setattr(standing_by, "MARK", path)
    path.write_text("15/main\nstandby\n")
    with pytest.raises(Failed, match=r"of 15/main, not of 17/main"):
        standing_by.may_be_cleared_away("17")


def test_a_folder_is_emptied_and_stays(tmp_path: Path) -> None:
    (tmp_path / "base" / "1").mkdir(parents=True)
    (tmp_path / "PG_VERSION").touch()
    (tmp_path / "pg_wal").symlink_to(tmp_path / "base")
    standing_by.empty(tmp_path)
    assert list(tmp_path.iterdir()) == []
