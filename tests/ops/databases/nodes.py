"""Database hosts that are well, to be changed by `dataclasses.replace` in tests of pure rules."""

from dataclasses import replace
from typing import Any

from ops.databases.node import Control, Node, Receiver, Replica, Server, Slot

MIB = 2**20
LSN = 0x3_5E00_01A8
SETTINGS = {
    "max_connections": "120",
    "max_worker_processes": "8",
    "max_wal_senders": "10",
    "max_prepared_transactions": "0",
    "max_locks_per_transaction": "64",
    "wal_log_hints": "off",
    "data_checksums": "on",
    "server_version_num": "170006",
}


def control(**changed: Any) -> Control:
    """Return what pg_control of a running primary on timeline 3 holds."""
    whole = Control("7423000000000000001", 3, "in production", LSN - 4096, 0, 0, True, False)
    return replace(whole, **changed)


def server(**changed: Any) -> Server:
    """Return a primary that nobody follows."""
    whole = Server(
        is_standby=False,
        timeline=3,
        lsn=LSN,
        replay_lsn=LSN,
        replay_age_seconds=None,
        is_replay_paused=False,
        receiver=None,
        settings=SETTINGS,
        replicas=(),
        slots=(),
        base_backups=0,
        prepared_transactions=0,
        long_transactions=(),
        connections=(),
    )
    return replace(whole, **changed)


def node(name: str = "db1", **changed: Any) -> Node:
    """Return a host with a cluster that nothing is known of but its files."""
    whole = Node(
        name=name,
        version="17",
        marker="primary",
        marker_words="by anna@desk",
        standby_signal=False,
        backup_label=False,
        rewinding="",
        start_conf="auto",
        fence=False,
        fence_file=False,
        unit="active",
        guard={"at": "2027-01-01T00:00:00Z", "decision": "start", "why": "no peer is a primary"},
        peer_is_dead=False,
        control=control(),
        server=None,
        said="",
        forks={1: 0x1000, 2: 0x2000},
        disk_free_bytes=50_000 * MIB,
        disk_size_bytes=100_000 * MIB,
        procedure=None,
    )
    return replace(whole, **changed)


def primary(name: str = "db1", follower: str = "db2", **changed: Any) -> Node:
    """Return a primary whose one standby streams."""
    replica = Replica(follower, "192.0.2.32", "streaming", LSN, LSN, LSN, "async")
    slot = Slot(follower, True, LSN, "reserved", 0)
    running = server(replicas=(replica,), slots=(slot,))
    return node(name, **({"server": running} | changed))


def standby(name: str = "db2", leader: str = "db1", **changed: Any) -> Node:
    """Return a standby that streams and has replayed everything."""
    running = server(
        is_standby=True,
        replay_age_seconds=1.0,
        receiver=Receiver("streaming", "192.0.2.31", name),
        slots=(Slot(leader, False, None, "", 0),),
    )
    files = control(
        state="in archive recovery", min_recovery_end_lsn=LSN, min_recovery_end_timeline=3
    )
    whole = {"marker": "", "standby_signal": True, "server": running, "control": files}
    return node(name, **(whole | changed))
