"""What receiver and drain hold in memory, and that it stays flat while the database is away.

The journal is small here, so that it is full within seconds; the bound of bytes in production
changes how long it takes, not what is held: the queue is on the disk.
"""

import time
from dataclasses import replace
from pathlib import Path

from tests.bench.ping import closed_loop, databases
from tests.bench.ping.databases import Postgresql
from tests.bench.ping.measured import Sample
from tests.bench.ping.service import Service, get, running_service
from tests.bench.ping.spent import memory
from tests.postgresql import Cluster

MOST_JOURNAL_BYTES = 32 * 2**20
FULL_WITHIN_SECONDS = 300
DRAINED_WITHIN_SECONDS = 300
ROWS = ("memory at rest", "memory, database away", "memory, journal full")


def measure(
    directory: Path, cluster: Cluster, database: Postgresql, known: str, paths: Path, seconds: float
) -> dict[str, Sample]:
    """Return the rows: memory after some load, with the database away, and with a full journal."""
    database.clear()
    journal_bytes = min(MOST_JOURNAL_BYTES, max(int(seconds * 8), 1) * 2**20)
    settings = {
        "JOURNAL_LIMIT_BYTES": str(journal_bytes),
        "SEGMENT_BYTES": str(journal_bytes // 16),
        "JOURNAL_KEEP_SECONDS": "0",
    }
    with running_service(directory, database, known, **settings) as service:
        first = closed_loop.load(service.port, paths, seconds)
        databases.wait_for_rows(database, first.answered, first.began, DRAINED_WITHIN_SECONDS)
        found = {ROWS[0]: _held(service, first)}
        database.disconnect()
        cluster.stop()
        try:
            away = closed_loop.load(service.port, paths, seconds)
            found[ROWS[1]] = _held(service, away)
            filling = _fill_up(service, paths)
            loads = [first, away, *filling]
            answered = sum(load.answered for load in loads)
            found[ROWS[2]] = replace(
                _held(service, filling[-1]), problems=_is_refused(service, known)
            )
        finally:
            cluster.start()
        databases.wait_for_rows(database, answered, time.monotonic(), DRAINED_WITHIN_SECONDS)
        # Each load may have ended with requests under way.
        in_flight = sum(load.connections for load in loads)
        problems = databases.ledger(database, answered, in_flight)
        last = found[ROWS[2]]
        found[ROWS[2]] = replace(last, problems=[*last.problems, *problems])
    return found


def _held(service: Service, load: closed_loop.Load) -> Sample:
    ours = {name: pid for name, pid in service.roots.items() if name in ("receiver", "drain")}
    return Sample(
        load.answered,
        load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        memory=memory(ours),
    )


def _fill_up(service: Service, paths: Path) -> list[closed_loop.Load]:
    """Load until the journal is full, and once more; return the loads."""
    loads, give_up = [], time.monotonic() + FULL_WITHIN_SECONDS
    while time.monotonic() < give_up:
        loads.append(closed_loop.load(service.port, paths, 1))
        if loads[-1].answered < loads[-1].refused:
            break
    return [*loads, closed_loop.load(service.port, paths, 1)]


def _is_refused(service: Service, known: str) -> list[str]:
    status, headers = get(service.port, f"/ping/{known}")
    if status != 503 or "retry-after" not in headers:
        return [f"a full journal answers {status}, Retry-After {headers.get('retry-after')}"]
    return []
