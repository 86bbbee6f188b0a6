"""One run: every row once, each in its turn. Runs are repeated, so that rows alternate."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import PIPE, Popen

from tests.bench.ping import closed_loop, contenders, durability, memory, rows
from tests.bench.ping.databases import Database, Postgresql, Sqlite, codes, settings_of_postgresql
from tests.bench.ping.measured import Sample
from tests.bench.ping.processes import ROOT, ending_with_us, environment, python, stop
from tests.bench.ping.service import Service, running_service
from tests.postgresql import Cluster, running_cluster

SLOW_DATABASE_MS = 100
DJANGO_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for. `checks` is the usual number of checks, `few` a small one."""

    seconds: float = 4.0
    runs: int = 5
    checks: int = 100_000
    few: int = 1_000
    many: int = 0  # a million with FULL=1; 0 leaves it out
    rates: tuple[int, ...] = durability.RATES


@dataclass(slots=True)
class Bench:
    """All that the rows share: directories, databases with their checks, files of paths."""

    options: Options
    directory: Path
    cluster: Cluster
    postgresql: dict[int, Postgresql] = field(default_factory=dict)  # by number of checks
    paths: dict[int, Path] = field(default_factory=dict)
    sqlite: Sqlite | None = None
    number: int = 0

    def prepare(self) -> None:
        """Make databases and files."""
        for checks in filter(None, (self.options.checks, self.options.few, self.options.many)):
            narrate(f"making {checks:,} checks in PostgreSQL")
            self.postgresql[checks] = Postgresql(self.cluster, f"checks_{checks}")
            self.postgresql[checks].make(checks)
            self.paths[checks] = closed_loop.write_paths(
                self.directory / f"paths-{checks}", codes(checks)
            )
        self.paths[1] = closed_loop.write_paths(self.directory / "paths-1", codes(1))
        narrate(f"making {self.options.checks:,} checks in SQLite")
        template = self.directory / "template" / "stillhere.sqlite3"
        template.parent.mkdir()
        self.sqlite = Sqlite(template)
        self.sqlite.make(self.options.checks)

    def disconnect(self) -> None:
        """Let go of the cluster: it may be stopped."""
        for database in self.postgresql.values():
            database.disconnect()

    @property
    def usual(self) -> Postgresql:
        """Return the database with the usual number of checks."""
        return self.postgresql[self.options.checks]

    def new_directory(self, name: str) -> Path:
        """Return where something may be put that is not there yet."""
        return self.directory / f"{name}-{self.number}"


@contextmanager
def prepared(options: Options, directory: Path) -> Iterator[Bench]:
    """Give a bench with its cluster and databases."""
    with running_cluster(*settings_of_postgresql()) as cluster:
        bench = Bench(options, directory, cluster)
        bench.prepare()
        try:
            yield bench
        finally:
            bench.disconnect()


def run(bench: Bench, number: int) -> dict[str, Sample]:
    """Measure every row once."""
    bench.number = number
    found: dict[str, Sample] = {}
    for part in _PARTS:
        for name, sample in part(bench):
            narrate(f"run {number}: {name}: {sample.rate:,.0f}/s" + _said(sample))
            found[name] = sample
    return found


def _said(sample: Sample) -> str:
    cpu = f", {sample.cpu_per_10k:.3f} CPU s for 10,000" if sample.cpu else ""
    return cpu + "".join(f" [{problem}]" for problem in sample.problems)


Rows = Iterator[tuple[str, Sample]]


def _nginx(bench: Bench) -> Rows:
    paths = bench.paths[bench.options.checks]
    with contenders.running_nginx(bench.new_directory("nginx")) as server:
        for how, is_kept in rows.WAYS.items():
            yield (
                f"nginx return 200, {how}",
                rows.front(server.port, server.roots, paths, bench.options.seconds, is_kept),
            )


def _service(bench: Bench) -> Rows:
    """Our receiver alone, our drain alone, and the whole path, on one service."""
    options, database = bench.options, bench.usual
    paths, seconds = bench.paths[options.checks], options.seconds
    with running_service(bench.new_directory("postgresql"), database, codes(1)[0]) as service:
        database.clear()
        service.pause_drain()
        taken = rows.receiver(service, paths, seconds, is_kept=True)
        yield "receiver, durable, keep-alive", taken
        yield "drain and PostgreSQL alone", rows.drain(service, taken.done)
        database.clear()
        service.pause_drain()
        taken = rows.receiver(service, paths, seconds, is_kept=False)
        yield "receiver, durable, close", _drained(service, taken, closed_loop.CONNECTIONS)
        for how, is_kept in rows.WAYS.items():
            yield f"path into PostgreSQL, {how}", rows.path(service, paths, seconds, is_kept)
        yield "path into PostgreSQL, one hot check", rows.path(service, bench.paths[1], seconds)
        yield from _durable(bench, service)


def _durable(bench: Bench, service: Service) -> Rows:
    """Durable answers: with the drain standing still, and with the drain at work beside."""
    paths = bench.paths[bench.options.checks]
    refused = durability.refused_paths(paths, bench.directory / "paths-refused")
    seconds = max(bench.options.seconds * 0.75, 0.3)
    for rate in bench.options.rates:
        for name, is_drain_at_work in {"": False, rows.WITH_DRAIN: True}.items():
            service.database.clear()
            if not is_drain_at_work:
                service.pause_drain()
            found = durability.measure(service, paths, refused, rate, seconds, name)
            asked, taken = list(found.items())[-1]
            found[asked] = _drained(service, taken, durability.most_in_flight(taken))
            yield from found.items()


def _drained(service: Service, taken: Sample, in_flight: int) -> Sample:
    """Let the drain go on, and say with the sample what its ledger says."""
    drained = rows.drain(service, taken.done, in_flight)
    return replace(taken, problems=[*taken.problems, *drained.problems])


def _other_numbers(bench: Bench) -> Rows:
    for checks in filter(None, (bench.options.few, bench.options.many)):
        directory = bench.new_directory(f"checks-{checks}")
        database, paths = bench.postgresql[checks], bench.paths[checks]
        with running_service(directory, database, codes(1)[0]) as service:
            yield rows.with_checks(checks), rows.path(service, paths, bench.options.seconds)


def _sqlite(bench: Bench) -> Rows:
    assert bench.sqlite is not None
    database: Database = bench.sqlite
    paths = bench.paths[bench.options.checks]
    with running_service(bench.new_directory("sqlite"), database, codes(1)[0]) as service:
        yield "path into SQLite, keep-alive", rows.path(service, paths, bench.options.seconds)


def _row_worker(bench: Bench) -> Rows:
    for name, paths in {
        "row-at-a-time worker": bench.paths[bench.options.checks],
        "row-at-a-time worker, one hot check": bench.paths[1],
    }.items():
        bench.usual.clear()
        yield name, rows.row_worker(bench.usual, bench.usual.url, paths, bench.options.seconds)


def _django(bench: Bench) -> Rows:
    paths = bench.paths[bench.options.checks]
    for name, is_persistent in {"new": False, "persistent": True}.items():
        bench.usual.clear()
        with contenders.running_django(
            bench.new_directory(f"django-{name}"), bench.usual.url, codes(1)[0],
            is_persistent=is_persistent,
        ) as server:  # fmt: skip
            yield (
                f"plain Django view, {name} database connections",
                rows.django(server, bench.usual, paths, bench.options.seconds, DJANGO_CONNECTIONS),
            )


def _slow_database(bench: Bench) -> Rows:
    seconds, paths = bench.options.seconds, bench.paths[bench.options.checks]
    with _relayed(bench.cluster) as port:
        url = f"postgresql://stillhere@127.0.0.1:{port}/{bench.usual.name}?sslmode=disable"
        with running_service(
            bench.new_directory("slow"), bench.usual, codes(1)[0], DATABASE_URL=url
        ) as service:
            name = f"path, database {SLOW_DATABASE_MS} ms away"
            yield (
                name,
                rows.path(service, paths, min(seconds, 2), within_seconds=max(10 * seconds, 30)),
            )
        bench.usual.clear()
        name = f"row-at-a-time worker, database {SLOW_DATABASE_MS} ms away"
        yield name, rows.row_worker(bench.usual, url, paths, seconds)


@contextmanager
def _relayed(cluster: Cluster) -> Iterator[int]:
    """Run the relay in front of the cluster's socket; give its port."""
    socket = cluster.socket
    command = python("-m", "tests.bench.ping.relay", str(socket), str(SLOW_DATABASE_MS))
    with Popen(
        command, cwd=ROOT, env=environment(), stdout=PIPE, preexec_fn=ending_with_us()
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            stop(process)


def _memory(bench: Bench) -> Rows:
    if bench.number > 1:
        return  # it is no matter of luck, and fills a journal each time
    bench.disconnect()  # the cluster is stopped meanwhile
    found = memory.measure(
        bench.new_directory("memory"), bench.cluster, bench.usual, codes(1)[0],
        bench.paths[bench.options.checks], bench.options.seconds,
    )  # fmt: skip
    yield from found.items()


_PARTS: tuple[Callable[[Bench], Rows], ...] = (
    _nginx, _service, _other_numbers, _sqlite, _row_worker, _django, _slow_database, _memory,
)  # fmt: skip


def narrate(line: str) -> None:
    """Say on stderr what is going on; stdout is for the tables."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
