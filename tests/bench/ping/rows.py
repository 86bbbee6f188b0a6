"""How a row is measured: load, CPU by process around it, the ledger behind it."""

import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.ping import closed_loop, contenders, databases
from tests.bench.ping.databases import Database
from tests.bench.ping.measured import Sample
from tests.bench.ping.service import Service, get
from tests.bench.ping.spent import between, memory, spent

WAYS = {"keep-alive": True, "close": False}
WITH_DRAIN = ", drain at work"
WITHIN_SECONDS = 120.0
# A process that had this share of a processor had no more to give.
_FULL = 0.9


def with_checks(checks: int) -> str:
    """Return the name of the row of the path with another number of checks."""
    return f"path into PostgreSQL, {checks:,} checks"


def front(
    port: int, roots: Mapping[str, int], paths: Path, seconds: float, is_kept: bool
) -> Sample:
    """Load something that answers; what it has answered is done."""
    before = spent(roots)
    load = closed_loop.load(port, paths, seconds, is_kept=is_kept)
    return _sample(load, between(before, spent(roots)), roots)


def receiver(service: Service, paths: Path, seconds: float, *, is_kept: bool) -> Sample:
    """Load our receiver, whose pings stay in the journal: the drain stands still."""
    roots = {name: pid for name, pid in service.roots.items() if name == "receiver"}
    return front(service.port, roots, paths, seconds, is_kept)


def drain(service: Service, wanted: int, in_flight: int = closed_loop.CONNECTIONS) -> Sample:
    """Let the drain bring into the table what the journal has, and measure that alone.

    `wanted` pings were acknowledged; `in_flight` more may be there, of requests cut short.
    """
    database = service.database
    roots = {name: pid for name, pid in service.roots.items() if name != "receiver"}
    start, commits = spent(roots, database.own), database.transactions()
    had, began = database.count(), time.monotonic()
    service.resume_drain()
    count, ended = databases.wait_for_rows(database, wanted, began, WITHIN_SECONDS)
    cpu = between(start, spent(roots, database.own))
    problems = databases.ledger(database, wanted, in_flight)
    commits = database.transactions() - commits
    return Sample(
        done=count - had,
        seconds=ended - began,
        cpu=cpu,
        memory=memory(roots),
        problems=problems,
        more={"pings_a_transaction": (count - had) / commits} if commits > 0 else {},
    )


def path(
    service: Service,
    paths: Path,
    seconds: float,
    is_kept: bool = True,
    *,
    within_seconds: float = WITHIN_SECONDS,
) -> Sample:
    """Load the receiver, drain at work; done is what stands in the table, when it does."""
    database, roots = service.database, service.roots
    database.clear()
    before, commits = spent(roots, database.own), database.transactions()
    load = closed_loop.load(service.port, paths, seconds, is_kept=is_kept)
    count, ended = databases.wait_for_rows(database, load.answered, load.began, within_seconds)
    cpu = between(before, spent(roots, database.own))
    is_all = count >= load.answered
    problems = [*load.problems(), *(_ledger(database, load) if is_all else ())]
    commits = database.transactions() - commits
    return Sample(
        done=min(count, load.answered),
        seconds=ended - load.began,
        cpu=cpu,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        memory=memory(roots),
        problems=problems,
        more=_more(load, cpu)
        | ({"pings_a_transaction": count / commits} if commits > 0 else {})
        | ({} if is_all else {"not_yet_in_the_table": load.answered - count}),
    )


def row_worker(database: Database, url: str, paths: Path, seconds: float) -> Sample:
    """Let the row-at-a-time worker work; `url` is where it reaches the database."""
    had = database.count()
    with contenders.running_row_worker(url, paths) as worker:
        warm = database.count() - had
        roots = {"worker": worker.process.pid} | database.roots
        before = spent(roots, database.own)
        said = worker.work(seconds)
        cpu = between(before, spent(roots, database.own))
        held = memory(roots)
    done = int(said["done"])
    lost = done - (database.count() - had - warm)
    return Sample(
        done,
        said["seconds"],
        cpu,
        said["p50_ms"],
        said["p99_ms"],
        held,
        problems=[f"{lost} pings are not in the table"] if lost else [],
    )


def django(
    server: contenders.Server, database: Database, paths: Path, seconds: float, connections: int
) -> Sample:
    """Load the plain Django view; what it answers is committed."""
    for warm in paths.read_text("ascii").split()[: 5 * contenders.WORKERS]:
        get(server.port, warm)
    database.clear()
    roots = server.roots | database.roots
    before = spent(roots, database.own)
    load = closed_loop.load(server.port, paths, seconds, connections=connections)
    sample = _sample(load, between(before, spent(roots, database.own)), roots)
    problems = [*sample.problems, *_ledger(database, load)]
    return Sample(
        sample.done, sample.seconds, sample.cpu, sample.p50_ms, sample.p99_ms, sample.memory,
        problems, sample.more,
    )  # fmt: skip


def _sample(load: closed_loop.Load, cpu: Mapping[str, float], roots: Mapping[str, int]) -> Sample:
    return Sample(
        load.answered,
        load.seconds,
        cpu,
        load.p50_ms,
        load.p99_ms,
        memory(roots),
        load.problems(),
        _more(load, cpu),
    )


def _more(load: closed_loop.Load, cpu: Mapping[str, float]) -> dict[str, float]:
    """Return how busy the load and the busiest process were: of one processor."""
    return {
        "load_busy": load.cpu_seconds / load.seconds,
        "busiest": max(cpu.values(), default=0.0) / load.seconds,
    }


def _ledger(database: Database, load: closed_loop.Load) -> list[str]:
    return databases.ledger(database, load.answered, load.connections)


def is_limited_by_load(more: Mapping[str, float]) -> bool:
    """Return True when wrk had no more to give, and what it asked had."""
    return more.get("load_busy", 0.0) >= _FULL > more.get("busiest", 1.0)
