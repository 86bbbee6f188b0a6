"""A primary and its standbys: what each database host has, so that any of them can be either.

All of it is the same before and after a failover: who is primary is PostgreSQL's to say.
Decisions 24 and 25 have the reasons.
"""

import json
from collections.abc import Mapping

from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import POSTGRESQL
from provisioning.library import LIBRARY, program
from provisioning.programs import database_peers, standing_by, start_guard
from provisioning.render import render
from provisioning.resources import Command, File, Resource

GUARD = f"{LIBRARY}/guard-database"
GUARD_DROP_IN = "/etc/systemd/system/postgresql@.service.d/stillhere-guard.conf"
PROGRAMS = ("database_peers.py", "standing_by.py", "start_guard.py")
PEERS, PASSWORDS = str(database_peers.PEERS), str(database_peers.PASSWORDS)
MARKER, PERMISSION = str(start_guard.MARKER), str(start_guard.PERMISSION)
STREAMS_SECONDS = 180


def slot_name(host: str) -> str:
    """Return the slot of a host: its name in the letters that a slot may have.

    Two hosts never share one: no host's name has an underscore (ops/inventory).
    """
    return host.replace("-", "_")


def others(fleet: Fleet, host: Host) -> tuple[Host, ...]:
    """Return the other database hosts, in the order of the inventory."""
    return tuple(one for one in fleet.of_role(Role.DATABASE) if one != host)


def conninfo(fleet: Fleet, host: Host) -> str:
    """Return how a standby on this host finds whoever is primary; "" when nobody can be."""
    there = others(fleet, host)
    if not there:
        return ""
    words = {
        "host": ",".join(one.address for one in there),
        "port": ",".join(str(POSTGRESQL.port) for _ in there),
        "user": database_peers.ROLE,
        "passfile": PASSWORDS,
        "sslmode": "require",
        "application_name": host.name,
        "target_session_attrs": "read-write",
        "connect_timeout": "3",
        "keepalives_idle": "5",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "20000",
    }
    return " ".join(f"{name}={value}" for name, value in words.items())


def guard(fleet: Fleet, host: Host, secrets: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return what judges every start, whom it asks, and with which password."""
    return (
        *(program(name) for name in PROGRAMS),
        File(PEERS, _peers(fleet, host)),
        File(
            PASSWORDS,
            _password_lines(fleet, host, secrets["database_password_replication"]),
            mode=0o600,
            owner="postgres",
            group="postgres",
            secret=True,
        ),
        File(GUARD, render("guard-database", library=LIBRARY), mode=0o755),
        File(GUARD_DROP_IN, render("postgresql-guard.conf", guard=GUARD)),
    )


def standby_cluster(host: Host, version: str) -> Resource:
    """Return the making of a standby where there is no cluster."""
    why = "no cluster here: it becomes a standby, a copy of the primary"
    settings = f"/etc/postgresql/{version}/main/postgresql.conf"
    there = f"[ -e {settings} ] && [ ! -e {standing_by.MARK} ]"
    return Command(
        "postgresql-standby",
        check=("sh", "-c", f"{there} || {{ echo '{why}'; exit 1; }}"),
        run=command_of(version, host.name),
        seconds=standing_by.WAIT_SECONDS + standing_by.COPY_SECONDS + 600,
    )


def command_of(version: str, host: str, *options: str) -> tuple[str, ...]:
    """Return the command that makes a standby, on that host."""
    python = ("env", f"PYTHONPATH={LIBRARY}", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m")
    return (*python, "provisioning.programs.standing_by", version, slot_name(host), *options)


def primary_marks(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], version: str
) -> tuple[Resource, ...]:
    """Return the role marker, and where it is certain the word that the guard may be alone.

    Certain: every other database host has been read, and has a standby or nothing.
    """
    unit = f"postgresql@{version}-main.service"
    signal = f"/var/lib/postgresql/{version}/main/standby.signal"
    found = [machines.get(one.name) for one in others(fleet, host)]
    is_certain = all(one and (not one.main or one.main.is_standby) for one in found)
    mark = Command(
        "postgresql-role-marker",
        check=("sh", "-c", f"[ -e {MARKER} ] || [ -e {signal} ] || {{ echo none; exit 1; }}"),
        run=("sh", "-c", _note(MARKER, role="primary", why="it was the only one")),
    )
    alone = Command(
        "postgresql-may-start-alone",
        check=(
            "sh",
            "-c",
            f"systemctl is-active --quiet {unit} || {{ echo 'no other can be primary'; exit 1; }}",
        ),
        run=("sh", "-c", _note(PERMISSION, why="no other host can be primary")),
    )
    return (mark, *((alone,) if found and is_certain else ()))


def streams(version: str, *paths: str) -> Resource:
    """Return the proof that a standby streams: at its first start, and when `paths` change."""
    values = {
        "unproved": standing_by.UNPROVED,
        "port": POSTGRESQL.port,
        "seconds": STREAMS_SECONDS,
        "version": version,
    }
    return Command(
        "postgresql-streams",
        check=("sh", "-c", f"[ ! -e {standing_by.UNPROVED} ] || {{ echo 'not yet'; exit 1; }}"),
        run=("sh", "-c", render("standby-streams.sh", **values)),
        reads=paths,
        seconds=STREAMS_SECONDS + 120,
    )


def _peers(fleet: Fleet, host: Host) -> str:
    peers = [
        {"name": one.name, "address": one.address, "address6": one.address6}
        for one in others(fleet, host)
    ]
    return json.dumps({"peers": peers, "port": POSTGRESQL.port}, indent=1) + "\n"


def _password_lines(fleet: Fleet, host: Host, password: str) -> str:
    """Return libpq's password file, for each other host by each of its addresses."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return "".join(
        f"{address}:{POSTGRESQL.port}:*:{database_peers.ROLE}:{escaped}\n"
        for one in others(fleet, host)
        for address in (one.address, one.address6.replace(":", "\\:"))
    )


def _note(path: str, **words: str) -> str:
    return render("note.sh", path=path, words=words)
