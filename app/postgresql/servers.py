"""Which server is the database? Pure: this is where one of several hosts is chosen.

A failover leaves an old primary that may come back and take writes. Its timeline tells:
each promotion begins a higher one. Another system identifier is another database, which
knows nothing of what we have applied.

OperationalError (app.database.DATABASE_TROUBLE)
└── NoServer           no host may be used now
    ├── AnotherDatabase    none has the database that we know: an operator has to adopt it
    └── TwoPrimaries       two take writes on one timeline: an operator has to fence one
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import OperationalError


class NoServer(OperationalError):
    """No host may be used now."""


class AnotherDatabase(NoServer):
    """The database that we know is on none of the hosts."""


class TwoPrimaries(NoServer):
    """Two servers have the right to take writes, and nobody knows which history is ours."""


@dataclass(frozen=True, slots=True)
class Server:
    """What one host says of itself. `started` tells a server from another one."""

    host: str
    system: int
    timeline: int
    is_writable: bool
    started: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """The database that this machine has written to: its identifier, its highest timeline."""

    system: int
    timeline: int

    def allows(self, server: Server) -> bool:
        """Return True unless the server is another database, or one that was followed since."""
        return server.system == self.system and server.timeline >= self.timeline

    def packed(self) -> bytes:
        """Return what `remembered` reads."""
        return json.dumps(asdict(self)).encode()


def choose(servers: Sequence[Server], seen: Seen | None, *, must_write: bool = True) -> Server:
    """Return the server to use: of those that take writes the one with the highest timeline.

    NoServer when there is none. Without `seen` the first database met is ours.
    """
    ours = [server for server in servers if seen is None or server.system == seen.system]
    systems = {server.system for server in ours}
    if (servers and not ours) or len(systems) > 1:
        raise AnotherDatabase(_another(servers, seen))
    usable = [server for server in ours if server.is_writable or not must_write]
    newest = max((server.timeline for server in usable), default=0)
    if seen is not None and usable and newest < seen.timeline:
        raise NoServer(
            f"timeline {newest} of {_hosts(usable)} is refused: we have written to timeline "
            f"{seen.timeline}. It is an old primary; make it a standby of the new one."
        )
    first = [server for server in usable if server.timeline == newest]
    if len({server.started for server in first if server.is_writable}) > 1:
        raise TwoPrimaries(
            f"{_hosts(first)} both take writes on timeline {newest}. Stop the one that is not "
            "the primary; what it took is applied again from the journals."
        )
    if not first:
        raise NoServer(f"none of {_hosts(servers) or 'the hosts'} takes writes")
    return first[0]


def _another(servers: Sequence[Server], seen: Seen | None) -> str:
    there = ", ".join(f"{server.host} has {server.system}" for server in servers)
    known = f"not {seen.system}, which this machine has written to" if seen else "not one database"
    return f"{there}: {known}. After a restore, see `manage.py adopt_database`."


def _hosts(servers: Sequence[Server]) -> str:
    return ", ".join(server.host for server in servers)


def seen_path(data_dir: Path) -> Path:
    """Return where a machine notes which database it has written to."""
    return data_dir / "database-seen.json"


def remembered(path: Path) -> Seen | None:
    """Return what was written down; None when nothing was. OperationalError for nonsense."""
    try:
        said = json.loads(path.read_text("utf-8"))
        return Seen(int(said["system"]), int(said["timeline"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoServer(
            f"{path} cannot be read ({error}), and without it an old primary cannot be told "
            "from the new one. Restore it, or write it anew with `manage.py adopt_database`."
        ) from error
