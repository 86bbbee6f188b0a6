"""Is a failover possible from here, and has it worked: what only this host can say.

    {"ask": "replication_login", ...}  -> {} or {"said": why not}
    {"ask": "database_url"}            -> {"hosts": [...], "options": {...}} or {"lacks": ...}
    {"ask": "first_write", ...}        -> {"is_noted": ..., "seen_at": seconds since 1970}

Nothing here changes anything.
"""

import os
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ops.agent.commands import Failed
from ops.agent.deploying import SETTINGS
from ops.agent.examining import database_answer, psql
from ops.agent.probing import OPEN, probe
from ops.agent.seeing import text_of

CONNECT_SECONDS = 5
# The table is as small as there were failovers.
FIRST_SEEN = """
SELECT extract(epoch FROM seen_at)
FROM pings_timeline, pg_control_system() AS here
WHERE number = {} AND system = here.system_identifier
"""


def replication_login(address: str, port: int, role: str, passwords: str) -> dict[str, Any]:
    """Log in at another host as a standby does; nothing is streamed."""
    (door,) = probe([(address, port)], CONNECT_SECONDS / 2, 2)["answers"]
    if door != OPEN:
        return {"door": door}
    if not os.path.exists(passwords):
        return {"door": door, "lacks": passwords}
    asked = psql("postgres", "IDENTIFY_SYSTEM", "dbname=postgres replication=true", port)
    asked += ["--host", address, "--username", role]
    _, why_not = database_answer(asked, {"PGPASSFILE": passwords, "PGSSLMODE": "require"})
    return {"door": door} | ({"said": why_not} if why_not else {})


def database_url() -> dict[str, Any]:
    """Return hosts (address:port) and options of the application's DATABASE_URL, no password."""
    lines = (text_of(SETTINGS) or "").splitlines()
    urls = [line.partition("=")[2] for line in lines if line.startswith("DATABASE_URL=")]
    if not urls:
        return {"lacks": f"DATABASE_URL in {SETTINGS}"}
    parts = urlsplit(urls[-1].strip("\"'"))
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return {"hosts": hosts, "options": dict(parse_qsl(parts.query))}


def first_write(port: int, database: str, timeline: int) -> dict[str, Any]:
    """Return whether the product has noted a timeline; `is_noted` None: it has no tables yet."""
    table = here("SELECT to_regclass('pings_timeline') IS NOT NULL", database, port)
    if table != "t":
        return {"is_noted": None, "seen_at": 0.0}
    found = here(FIRST_SEEN.format(int(timeline)), database, port)
    return {"is_noted": bool(found), "seen_at": float(found or 0)}


def here(statement: str, database: str, port: int) -> str:
    """Return what the host's own server says; Failed with its words."""
    said, why_not = database_answer(psql("postgres", statement, database, port), {})
    if why_not:
        raise Failed(why_not)
    return said
