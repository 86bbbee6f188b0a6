"""A row-at-a-time worker on our schema: what most such services run behind their queue.

    python -m tests.bench.ping.row_worker FILE      with DATABASE_URL; FILE has paths of pings

One process, one connection, one transaction a ping: SELECT ... FOR UPDATE, our own fold,
INSERT, UPDATE, COMMIT. It says "ready", is told seconds on a line of stdin, works for so long,
and prints a line of JSON: {"done": n, "seconds": s, "p50_ms": ..., "p99_ms": ...}. It works
on for every further line.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras

from app.checks.schedule import Kind, Schedule
from app.checks.state import Event, Recorded, Rules, State, Status, fold

_SELECT = """
SELECT id, kind, period_seconds, grace_seconds, schedule, tz, methods,
       status, n_pings, last_ping_at, status_since, due_at, down_at, wake_at
FROM checks_check
WHERE code = %s
FOR UPDATE
"""
_INSERT = """
INSERT INTO pings_ping (check_id, n, received_at, action, exit_status, rid,
                        scheme, method, remote_addr, user_agent, body)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_UPDATE = """
UPDATE checks_check
SET status = %s, n_pings = %s, last_ping_at = %s, status_since = %s,
    due_at = %s, down_at = %s, wake_at = %s
WHERE id = %s
"""


@lru_cache(maxsize=65_536)
def _rules(kind: str, period: int, grace: int, schedule: str, tz: str, methods: str) -> Rules:
    return Rules(Schedule(Kind(kind), period, schedule, tz), timedelta(seconds=grace), methods)


def take(cursor: Any, code: str, event: Event) -> None:
    """Apply one ping, inside the transaction of the cursor."""
    cursor.execute(_SELECT, [code])
    pk, *rules, status, n_pings, last_ping_at, since, due_at, down_at, wake_at = cursor.fetchone()
    state = State(
        Status(status), n_pings, last_ping_at, status_since=since, due_at=due_at, down_at=down_at
    )
    folded = fold(_rules(*rules), state, [event])
    cursor.execute(_INSERT, _ping(pk, folded.recorded[0]))
    new = folded.state
    # The deadline's lower bound stays, so that the update is HOT here too.
    wake_at = min(filter(None, (wake_at, new.down_at)), default=None)
    values = (new.status.value, new.n_pings, new.last_ping_at, new.status_since)
    cursor.execute(_UPDATE, [*values, new.due_at, new.down_at, wake_at, pk])


def _ping(pk: int, line: Recorded) -> list[Any]:
    event = line.event
    return [
        pk, line.n, event.received_at, line.action.value, event.exit_status, event.rid,
        event.scheme, event.method, event.remote_addr, event.user_agent, event.body or None,
    ]  # fmt: skip


def _work(connection: Any, codes: Iterator[str], seconds: float) -> dict[str, float]:
    times = []
    begin = now = time.monotonic()
    while now - begin < seconds:
        event = Event(datetime.now(UTC), remote_addr="127.0.0.1", user_agent="row worker")
        with connection, connection.cursor() as cursor:
            take(cursor, next(codes), event)
        before, now = now, time.monotonic()
        times.append(now - before)
    times.sort()
    p50, p99 = (1e3 * times[int(part * (len(times) - 1))] for part in (0.5, 0.99))
    return {"done": len(times), "seconds": now - begin, "p50_ms": p50, "p99_ms": p99}


def main() -> None:
    """Connect, take one ping to be warm, then do as stdin says."""
    psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]
    paths = Path(sys.argv[1]).read_text("ascii").split()
    codes = itertools.cycle(path.rpartition("/")[2] for path in paths)
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        _work(connection, codes, 0.0001)
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(_work(connection, codes, float(line))), flush=True)


if __name__ == "__main__":
    main()
