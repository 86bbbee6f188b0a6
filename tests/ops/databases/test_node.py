"""The answer of a host becomes a value; what it does not say is not made up."""

from typing import Any

import pytest

from ops.databases.lsn import parse_lsn
from ops.databases.node import node_of

ANSWER: dict[str, Any] = {
    "version": "17",
    "marker": {"role": "primary", "by": "anna@desk", "since": "2027-01-01", "why": "first apply"},
    "standby_signal": False,
    "backup_label": False,
    "rewinding": None,
    "start_conf": "auto",
    "fence": False,
    "fence_file": False,
    "unit": "active",
    "guard": None,
    "peer_is_dead": False,
    "control": {
        "system_identifier": "7423000000000000001",
        "timeline": 2,
        "state": "in production",
        "checkpoint_lsn": "0/3000060",
        "min_recovery_end_lsn": "0/0",
        "min_recovery_end_timeline": 0,
        "checksums": True,
        "wal_log_hints": False,
    },
    "server": {
        "is_standby": False,
        "timeline": 3,
        "lsn": "0/5000000",
        "replay_lsn": "0/5000000",
        "replay_age_seconds": None,
        "is_replay_paused": False,
        "receiver": None,
        "settings": {"max_connections": "120"},
        "replicas": [
            {
                "name": "db2",
                "address": "192.0.2.32",
                "state": "startup",
                "sent_lsn": None,
                "flush_lsn": None,
                "replay_lsn": None,
                "sync_state": "async",
            }
        ],
        "slots": [
            {
                "name": "db2",
                "is_active": False,
                "restart_lsn": None,
                "wal_status": None,
                "kept_bytes": None,
            }
        ],
        "base_backups": 0,
        "prepared_transactions": 0,
        "long_transactions": [{"pid": 7, "application": "psql", "seconds": 61.0}],
        "connections": [{"application": "", "user": "stillhere", "address": "", "count": 3}],
    },
    "said": "",
    "history": [
        {"timeline": 1, "ended_at": "0/1000000"},
        {"timeline": 2, "ended_at": "0/3000100"},
    ],
    "disk_free_bytes": 1,
    "disk_size_bytes": 2,
    "procedure": None,
}


def test_a_running_server_knows_better_than_its_last_checkpoint() -> None:
    node = node_of("db1", ANSWER)
    assert node.timeline == 3
    assert node.takes_writes
    assert not node.is_streaming
    assert node.forks == {1: parse_lsn("0/1000000"), 2: parse_lsn("0/3000100")}
    assert node.marker_words == "by anna@desk, since 2027-01-01, for first apply"
    stopped = node_of("db1", {**ANSWER, "server": None, "said": "connection refused"})
    assert stopped.timeline == 2
    assert not stopped.takes_writes
    assert not stopped.is_standby


def test_a_marker_that_cannot_be_read_is_no_role() -> None:
    assert node_of("db1", {**ANSWER, "marker": None}).marker == ""
    broken = node_of("db1", {**ANSWER, "marker": {"unreadable": "/x", "role": "primary"}})
    assert broken.marker == "unreadable"


def test_a_standby_without_a_receiver_does_not_stream() -> None:
    server = {**ANSWER["server"], "is_standby": True}
    assert not node_of("db2", {**ANSWER, "server": server}).is_streaming
    for status, is_streaming in (("streaming", True), ("starting", False)):
        listening = {**server, "receiver": {"status": status, "host": "192.0.2.31", "slot": None}}
        assert node_of("db2", {**ANSWER, "server": listening}).is_streaming is is_streaming


@pytest.mark.parametrize("name", list(ANSWER))
def test_an_answer_that_lacks_something_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        node_of("db1", {key: value for key, value in ANSWER.items() if key != name})
