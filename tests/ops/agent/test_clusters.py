"""What a host says of its cluster: of two real servers, a promotion, and files as they may be."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import clusters
from ops.agent.clusters import Facts
from tests.clusters import PATIENCE_SECONDS, SLOT, Node, Pair, running_pair
from tests.postgresql import PORT, owner, program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="asks as the user postgres, as root can")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as found:
        yield found


def server_of(node: Node) -> Facts:
    found, said = clusters.of_server(PORT, str(node.directory), "stillhere")
    assert found, said
    return found


def control_of(node: Node) -> Facts:
    found = clusters.of_control(program("postgres").parts[4], str(node.data))
    assert found
    return found


def test_a_primary_and_its_standby_say_who_they_are(pair: Pair) -> None:
    pair.catch_up()
    primary, standby = server_of(pair.primary), server_of(pair.standby)
    assert (primary["is_standby"], standby["is_standby"]) == (False, True)
    assert primary["timeline"] == standby["timeline"] == 1
    assert standby["receiver"] == {
        "status": "streaming",
        "host": str(pair.primary.directory),
        "slot": SLOT,
    }
    assert primary["receiver"] is None
    (replica,) = primary["replicas"]
    assert replica["state"] == "streaming"
    (slot,) = primary["slots"]
    assert (slot["name"], slot["is_active"], slot["wal_status"]) == (SLOT, True, "reserved")
    assert slot["kept_bytes"] >= 0
    assert set(primary["settings"]) == set(clusters.SETTINGS)
    assert primary["base_backups"] == primary["prepared_transactions"] == 0
    assert not standby["is_replay_paused"]


def test_a_paused_standby_has_received_more_than_it_has_replayed(pair: Pair) -> None:
    pair.standby.ask("SELECT pg_wal_replay_pause()")
    try:
        pair.primary.ask("CREATE TABLE IF NOT EXISTS noted (id integer)")
        pair.primary.ask("INSERT INTO noted VALUES (1)")
        ((written,),) = pair.primary.ask("SELECT pg_current_wal_lsn()::text")
        received = "SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while pair.standby.ask(received, written) != [(True,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        standby = server_of(pair.standby)
    finally:
        pair.standby.ask("SELECT pg_wal_replay_resume()")
    assert standby["is_replay_paused"]
    assert standby["lsn"] != standby["replay_lsn"]
    assert standby["replay_age_seconds"] is None or standby["replay_age_seconds"] >= 0


def test_a_stopped_server_is_an_answer_and_its_files_still_tell() -> None:
    with running_pair() as two:
        assert control_of(two.primary)["state"] == "in production"
        two.primary.stop()
        found, said = clusters.of_server(PORT, str(two.primary.directory), "stillhere")
        assert found is None
        assert "No such file" in said
        control = control_of(two.primary)
        assert control["state"] == "shut down"
        assert control["timeline"] == 1
        two.promote()
        promoted = server_of(two.standby)
        assert not promoted["is_standby"]
        assert promoted["timeline"] == 2
        (ancestor,) = clusters.history(str(two.standby.data), 2)
        assert ancestor["timeline"] == 1
        assert "/" in ancestor["ended_at"]
        two.standby.pause()
        found, said = clusters.of_server(PORT, str(two.standby.directory), "stillhere")
        assert found is None
        assert "timeout expired" in said


def come_back(old: Node, leader: Node) -> None:
    """Start a stopped primary as the standby of another."""
    (old.data / "standby.signal").touch()
    shutil.chown(old.data / "standby.signal", *owner())
    with (old.data / "postgresql.auto.conf").open("a") as file:
        file.write(f"primary_slot_name = '{SLOT}'\n")
        file.write(f"primary_conninfo = 'host={leader.directory} port={PORT} user=stillhere'\n")
    old.start()


def test_a_standby_without_a_receiver_knows_the_timeline_that_it_has_received() -> None:
    with running_pair() as two:
        two.primary.stop()
        two.promote()
        two.standby.ask("SELECT pg_create_physical_replication_slot(%s)", SLOT)
        come_back(two.primary, two.standby)
        two.standby.ask("CREATE TABLE noted_later (id integer)")
        two.catch_up(two.standby, two.primary)
        two.standby.kill()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (said := server_of(two.primary))["receiver"] is not None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert said["is_standby"]
        assert said["timeline"] == 2
        # What its last checkpoint and its recovery say is older.
        control = control_of(two.primary)
        assert max(control["timeline"], control["min_recovery_end_timeline"]) == 1


def test_output_that_lacks_a_value_is_no_answer() -> None:
    lines = [f"{label}:  1" for label in clusters.CONTROL.values()]
    assert clusters.control_in("\n".join(lines)) is not None
    for number in range(len(lines)):
        assert clusters.control_in("\n".join(lines[:number] + lines[number + 1 :])) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, None),
        ('{"role": "primary"}', {"role": "primary"}),
        ("", "unreadable"),
        ("[1]", "unreadable"),
        ('{"role": "pri', "unreadable"),
    ],
)
def test_a_marker_that_cannot_be_read_is_not_taken_for_none(
    tmp_path: Path, text: str | None, found: object
) -> None:
    path = tmp_path / "marker.json"
    if text is not None:
        path.write_text(text, "utf-8")
    said = clusters.json_of(str(path))
    assert said == ({"unreadable": str(path)} if found == "unreadable" else found)


def test_a_bare_host_without_a_firewall_says_so_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked before it becomes a standby."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not clusters.is_fenced()
