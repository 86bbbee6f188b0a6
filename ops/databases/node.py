"""A database host as it said it is: values of its answer to "cluster" (ops/agent/clusters).

LSNs are numbers of bytes here. Nothing is judged; that is done in `judging` and `rejoining`,
and by the pre-flight of a failover.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.databases.lsn import parse_lsn

Answer = Mapping[str, Any]
PRIMARY, FENCED = "primary", "fenced"  # what a marker may say


@dataclass(frozen=True, slots=True)
class Control:
    """What pg_control holds, also of a stopped server. `timeline`: of the last checkpoint.

    That is the old one right after a promotion. `checkpoint_lsn` is where its record begins.
    """

    system_identifier: str
    timeline: int
    state: str
    checkpoint_lsn: int
    min_recovery_end_lsn: int
    min_recovery_end_timeline: int
    checksums: bool
    wal_log_hints: bool


@dataclass(frozen=True, slots=True)
class Receiver:
    """How a standby listens, and at which address."""

    status: str
    host: str
    slot: str


@dataclass(frozen=True, slots=True)
class Replica:
    """Who is fed from here, by its application_name; None: it has not said so yet."""

    name: str
    address: str
    state: str
    sent_lsn: int | None
    flush_lsn: int | None
    replay_lsn: int | None
    sync_state: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot. `wal_status` lost: what it was to keep is gone; "": nothing reserved."""

    name: str
    is_active: bool
    restart_lsn: int | None
    wal_status: str
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One that has been open for some seconds."""

    pid: int
    application: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Connections:
    """How many connections an application has open from one address."""

    application: str
    user: str
    address: str
    count: int


@dataclass(frozen=True, slots=True)
class Server:
    """What a running server says. `lsn`: written, or of a standby received.

    `replay_age_seconds`: since the last replayed transaction was committed; it grows while
    nobody writes. None: of a primary, or nothing was replayed since the start.
    """

    is_standby: bool
    timeline: int
    lsn: int
    replay_lsn: int
    replay_age_seconds: float | None
    is_replay_paused: bool
    receiver: Receiver | None
    settings: Mapping[str, str]
    replicas: tuple[Replica, ...]
    slots: tuple[Slot, ...]
    base_backups: int
    prepared_transactions: int
    long_transactions: tuple[Transaction, ...]
    connections: tuple[Connections, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One database host. `version` "": it has no cluster. `server` None: `said` tells why.

    `marker` is its role ("primary", "fenced", "" without one, "unreadable"), `marker_words`
    who gave it and why. `forks` has, by timeline, the LSN where each ancestor of the node's
    own timeline was left. `rewinding` says who began a rewind that has not ended, "" for none.
    """

    name: str
    version: str
    marker: str
    marker_words: str
    standby_signal: bool
    backup_label: bool
    rewinding: str
    start_conf: str
    fence: bool
    fence_file: bool
    unit: str
    guard: Answer | None
    peer_is_dead: bool
    control: Control | None
    server: Server | None
    said: str
    forks: Mapping[int, int]
    disk_free_bytes: int
    disk_size_bytes: int
    procedure: Answer | None

    @property
    def timeline(self) -> int:
        """Return the timeline that the cluster is on, as far as it says; 0 when it cannot."""
        if self.server:
            return self.server.timeline
        if self.control:
            return max(self.control.timeline, self.control.min_recovery_end_timeline)
        return 0

    @property
    def takes_writes(self) -> bool:
        """Return True for a running server that is no standby."""
        return self.server is not None and not self.server.is_standby

    @property
    def is_standby(self) -> bool:
        """Return True for a running server that follows another one, or would."""
        return self.server is not None and self.server.is_standby

    @property
    def is_streaming(self) -> bool:
        """Return True for a standby that is connected to somebody."""
        if self.server is None or self.server.receiver is None:
            return False
        return self.server.is_standby and self.server.receiver.status == "streaming"


def node_of(name: str, answer: Answer) -> Node:
    """Return the host's answer as a value. KeyError or ValueError: it is of another release."""
    marker = answer["marker"] or {}
    return Node(
        name=name,
        version=answer["version"],
        marker="unreadable" if "unreadable" in marker else str(marker.get("role", "")),
        marker_words=_by(marker),
        standby_signal=answer["standby_signal"],
        backup_label=answer["backup_label"],
        rewinding=_by(answer["rewinding"]) if answer["rewinding"] is not None else "",
        start_conf=answer["start_conf"],
        fence=answer["fence"],
        fence_file=answer["fence_file"],
        unit=answer["unit"],
        guard=answer["guard"],
        peer_is_dead=answer["peer_is_dead"],
        control=_control(answer["control"]) if answer["control"] else None,
        server=_server(answer["server"]) if answer["server"] else None,
        said=answer["said"],
        forks={one["timeline"]: parse_lsn(one["ended_at"]) for one in answer["history"]},
        disk_free_bytes=answer["disk_free_bytes"],
        disk_size_bytes=answer["disk_size_bytes"],
        procedure=answer["procedure"],
    )


def _by(marker: Answer) -> str:
    """Return who has written a file of ours, when and why, as far as it says."""
    parts = [f"{word} {marker[key]}" for word, key in _WORDS if marker.get(key)]
    return ", ".join(parts) or "by somebody"


_WORDS = (("by", "by"), ("since", "since"), ("for", "why"))


def _control(said: Answer) -> Control:
    values = dict(said)
    for name in ("checkpoint_lsn", "min_recovery_end_lsn"):
        values[name] = parse_lsn(values[name])
    return Control(**values)


def _server(said: Answer) -> Server:
    age = said["replay_age_seconds"]
    return Server(
        is_standby=said["is_standby"],
        timeline=said["timeline"],
        lsn=parse_lsn(said["lsn"]),
        replay_lsn=parse_lsn(said["replay_lsn"]),
        replay_age_seconds=None if age is None else float(age),
        is_replay_paused=said["is_replay_paused"],
        receiver=_receiver(said["receiver"]) if said["receiver"] else None,
        settings=dict(said["settings"]),
        replicas=tuple(_replica(one) for one in said["replicas"]),
        slots=tuple(_slot(one) for one in said["slots"]),
        base_backups=said["base_backups"],
        prepared_transactions=said["prepared_transactions"],
        long_transactions=tuple(Transaction(**one) for one in said["long_transactions"]),
        connections=tuple(Connections(**one) for one in said["connections"]),
    )


def _receiver(said: Answer) -> Receiver:
    return Receiver(said["status"], said["host"] or "", said["slot"] or "")


def _replica(said: Answer) -> Replica:
    places = {name: _place(said[name]) for name in ("sent_lsn", "flush_lsn", "replay_lsn")}
    return Replica(**{**said, **places})


def _slot(said: Answer) -> Slot:
    return Slot(
        said["name"],
        said["is_active"],
        _place(said["restart_lsn"]),
        said["wal_status"] or "",
        said["kept_bytes"] or 0,
    )


def _place(text: str | None) -> int | None:
    return None if text is None else parse_lsn(text)
