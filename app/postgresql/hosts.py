"""Ask the hosts of DATABASE_URL what they are, and connect to one of them.

libpq takes the first host that takes writes, which after a failover may be the old
primary. And it waits for answers on its own, where ours are bounded (answers).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2

from app.postgresql import answers
from app.postgresql.servers import AnotherDatabase, NoServer, Seen, Server, choose

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
_MUST_WRITE = ("read-write", "primary")

# A standby says the timeline that it has replayed; it is asked in the same words.
_WHAT = """
SELECT system_identifier,
    CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
         ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
    END,
    NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off',
    pg_postmaster_start_time()::text
FROM pg_control_system()
"""

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """Which host (Server.host) is asked first, and which last; else as the parameters say."""

    first: str = ""
    last: str = ""

    def rank(self, single: Params) -> tuple[bool, bool]:
        """Return what the hosts are sorted by."""
        name = _name(single)
        return name == self.last, name != self.first


def connect(
    params: Params, seen: Seen | None, *, ask_all: bool, order: Order = Order()
) -> tuple[Any, Server]:
    """Return a connection of psycopg2's, and what its server is.

    With `ask_all` every host is asked and the best is chosen (servers.choose). Else the
    first will do that takes writes, if it is not older than what we have `seen`; that
    costs a query, and a dead host only when it is asked before the living one.
    psycopg2.OperationalError when no host answers, NoServer when none may be used.
    """
    writes = must_write(params)
    found: list[tuple[Any, Server]] = []
    try:
        for raw, server in _asked(params, order):
            found.append((raw, server))
            if not ask_all and _will_do(server, seen, must_write=writes):
                break
        servers = [server for _, server in found]
        if ask_all and (away := len(single_hosts(params)) - len(servers)):
            log.info("database hosts do not answer count=%d", away)
        best = choose(servers, seen, must_write=writes)
    except BaseException:
        _close(found)
        raise
    (raw,) = [raw for raw, server in found if server is best]
    _close([pair for pair in found if pair[0] is not raw])
    return raw, best


def must_write(params: Params) -> bool:
    """Return True when only a server that takes writes will do."""
    return params.get("target_session_attrs") in _MUST_WRITE


def connect_seconds(params: Params) -> float:
    """Return how long a host may take for the answers that tell what it is."""
    return float(params.get("connect_timeout") or CONNECT_SECONDS)


def survey(params: Params) -> list[Server]:
    """Return what each host that answers says of itself."""
    found = list(_asked(params))
    _close(found)
    return [server for _, server in found]


def single_hosts(params: Params) -> list[dict[str, Any]]:
    """Return the parameters of each host of its own."""
    hosts = str(params.get("host") or "").split(",")
    ports = str(params.get("port") or "").split(",")
    rest = {key: value for key, value in params.items() if key not in ("host", "port")}
    rest.pop("target_session_attrs", None)
    if len(ports) == 1:
        ports *= len(hosts)
    pairs = zip(hosts, ports, strict=True)
    return [
        rest | ({"host": host} if host else {}) | ({"port": port} if port else {})
        for host, port in pairs
    ]


def _asked(params: Params, order: Order = Order()) -> Iterator[tuple[Any, Server]]:
    """Yield a connection to each host that answers. OperationalError when none does."""
    trouble, is_any = None, False
    for single in sorted(single_hosts(params), key=order.rank):
        raw = None
        try:
            with answers.within(connect_seconds(single)):
                raw = psycopg2.connect(**single)
                server = _server(raw, single)
        except psycopg2.OperationalError as error:
            trouble = error
            if raw is not None:
                _close([(raw, None)])
            continue
        is_any = True
        yield raw, server
    if trouble is not None and not is_any:
        raise trouble


def _server(raw: Any, single: Params) -> Server:
    raw.autocommit = True
    with raw.cursor() as cursor:
        cursor.execute(_WHAT)
        system, timeline, is_writable, started = cursor.fetchone()
    raw.autocommit = False
    return Server(_name(single), int(system), int(timeline), bool(is_writable), str(started))


def _name(single: Params) -> str:
    return f"{single.get('host') or 'local'}:{single.get('port') or 5432}"


def _will_do(server: Server, seen: Seen | None, *, must_write: bool) -> bool:
    with suppress(NoServer, AnotherDatabase):
        return choose([server], seen, must_write=must_write) is server
    return False


def _close(found: list[Any]) -> None:
    for raw, _ in found:
        with suppress(psycopg2.Error):
            raw.close()
