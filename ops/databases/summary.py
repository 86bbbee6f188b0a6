"""How the databases stand: this is where it is put into lines, and into JSON. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ops.backups.listed import Known, newest_as_json, newest_in_words, why_not_recent
from ops.databases.judging import findings, lag_of, sized, the_primary, who_is_primary
from ops.databases.lsn import format_lsn
from ops.databases.node import FENCED, Node, Server
from ops.lab.report import aligned
from provisioning.fleet import Fleet

Nodes = Mapping[str, Node | str]
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """What one receiver's journal keeps on an application server."""

    server: str
    slot: str
    segments: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a status is made of. `silent`: application servers that did not answer, and why.

    `backups` is None for a fleet that has none.
    """

    fleet: Fleet
    nodes: Nodes
    journals: Sequence[Journal] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    backups: Known = None


def lines(seen: Seen) -> list[str]:
    """Return the tables: hosts, slots, connections, journals; and the last verified backup."""
    tables = (_hosts(seen.nodes), _slots(seen.nodes), _connections(seen), _journals(seen))
    parts = [aligned(table) for table in tables if len(table) > 1]
    return [
        *(line for part in parts for line in (*part, "")),
        f"last verified backup: {newest_in_words(seen.backups)}",
    ]


def troubles(seen: Seen) -> list[str]:
    """Return a line for everything that is red; nothing when all is well."""
    is_well, words = who_is_primary(seen.nodes)
    found = [] if is_well else [words]
    found += [one for one in seen.nodes.values() if isinstance(one, str)]
    found += [f"{one.host}: {one.words}" for one in findings(seen.nodes) if one.is_red]
    found += seen.silent.values()
    if seen.backups is not None and (why := why_not_recent(seen.backups)):
        found.append(why)
    return found


def notes(seen: Seen) -> list[str]:
    """Return a line for everything that is only to note."""
    return [f"{one.host}: {one.words}" for one in findings(seen.nodes) if not one.is_red]


def role_of(one: Node | str) -> str:
    """Return in a word what a host's database is: by its server, else by its files."""
    if isinstance(one, str):
        return "unknown"
    if one.takes_writes:
        return "primary"
    if one.is_standby or (one.standby_signal and one.version):
        return "standby"
    return "none" if not one.version else one.marker if one.marker == FENCED else "stopped"


def state_of(one: Node | str) -> str:
    """Return in a few words what it does."""
    if isinstance(one, str):
        return "no answer"
    if one.server is None:
        return (one.unit or "not running") if one.version else "no cluster"
    if one.takes_writes:
        return "fenced, accepting writes" if one.fence else "accepting writes"
    paused = ", replay paused" if one.server.is_replay_paused else ""
    return ("streaming" if one.is_streaming else "not streaming") + paused


def host_rows(nodes: Nodes) -> list[Row]:
    """Return a row a host: name, role, state, timeline, LSNs, lag; "-" for what is not known."""
    primary = the_primary(nodes)
    rows: list[Row] = []
    for name, one in nodes.items():
        lag = lag_of(one, primary) if isinstance(one, Node) else None
        server = one.server if isinstance(one, Node) else None
        rows.append(
            (
                name,
                role_of(one),
                state_of(one),
                str((isinstance(one, Node) and one.timeline) or "-"),
                format_lsn(server.lsn) if server else "-",
                format_lsn(server.replay_lsn) if server and server.is_standby else "-",
                str(lag).removeprefix("lag ") if lag else "-",
            )
        )
    return rows


def host_lines(nodes: Nodes) -> list[str]:
    """Return the table of hosts alone, as it is shown before and after something is done."""
    return aligned(_hosts(nodes))


def _hosts(nodes: Nodes) -> list[Row]:
    title = ("HOST", "ROLE", "STATE", "TIMELINE", "WRITTEN", "REPLAYED", "LAG")
    return [title, *host_rows(nodes)]


def _servers(nodes: Nodes) -> list[tuple[str, Server]]:
    known = [one for one in nodes.values() if isinstance(one, Node)]
    return [(one.name, one.server) for one in known if one.server]


def _slots(nodes: Nodes) -> list[Row]:
    rows = [
        (
            name,
            slot.name,
            "in use" if slot.is_active else "not used",
            slot.wal_status or "nothing reserved",
            sized(slot.kept_bytes),
        )
        for name, server in _servers(nodes)
        for slot in server.slots
    ]
    return [("HOST", "SLOT", "USE", "WAL", "KEEPS"), *rows]


def _connections(seen: Seen) -> list[Row]:
    names = {
        address: host.name for host in seen.fleet.hosts for address in (host.address, host.address6)
    }
    rows = [
        (
            name,
            one.application or "(no name)",
            one.user,
            names.get(one.address, one.address) or "itself",
            str(one.count),
        )
        for name, server in _servers(seen.nodes)
        for one in server.connections
    ]
    return [("HOST", "APPLICATION", "AS", "FROM", "CONNECTIONS"), *rows]


def _journals(seen: Seen) -> list[Row]:
    rows = [
        (one.server, one.slot, str(one.segments), sized(one.size_bytes)) for one in seen.journals
    ]
    return [("SERVER", "JOURNAL", "SEGMENTS", "SIZE"), *rows]


def as_json(seen: Seen) -> dict[str, Any]:
    """Return the same for programs: LSNs as PostgreSQL's text, sizes in bytes, ages in seconds."""
    primary = the_primary(seen.nodes)
    return {
        "fleet": seen.fleet.name,
        "primary": primary.name if primary else None,
        "hosts": [_host_json(name, one, primary) for name, one in seen.nodes.items()],
        "journals": [asdict(one) for one in seen.journals],
        "last_verified_backup": newest_as_json(seen.backups),
        "red": troubles(seen),
        "notes": notes(seen),
    }


def _host_json(name: str, one: Node | str, primary: Node | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "role": role_of(one), "state": state_of(one)}
    if isinstance(one, str):
        return found | {"trouble": one}
    lag = lag_of(one, primary)
    found |= {
        "timeline": one.timeline,
        "marker": one.marker,
        "is_fenced": one.fence,
        "guard": one.guard,
        "lag_bytes": lag.size_bytes if lag else None,
        "lag_seconds": lag.seconds if lag else None,
    }
    if one.server:
        found |= {
            "lsn": format_lsn(one.server.lsn),
            "replay_lsn": format_lsn(one.server.replay_lsn),
            "slots": [asdict(slot) | _place(slot.restart_lsn) for slot in one.server.slots],
            "connections": [asdict(each) for each in one.server.connections],
        }
    return found


def _place(lsn: int | None) -> dict[str, str | None]:
    return {"restart_lsn": None if lsn is None else format_lsn(lsn)}
