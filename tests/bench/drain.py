"""Measure what a ping costs from journal to database, beside a worker that takes one by one.

    python -m tests.bench.drain [CHECKS] [PINGS] [ROUNDS]

On a throw-away PostgreSQL and on SQLite, in turns in one run, the median of all
rounds; it asserts nothing. "hot" is one check that gets all pings.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from tests.bench.one_by_one import draining_of, one_by_one
from tests.bench.spent_on_pings import Meter, Spent
from tests.postgresql import running_cluster

ROW_WORKER_SHARE = 20  # of the pings: it would take hours otherwise


def fill_checks(count: int) -> list[UUID]:
    """Make so many checks in one project, all of them up, and return their codes.

    Django is set up. A first ping is dearer, and a check has only one.
    """
    from django.db import connection

    from app.accounts.models import Project
    from app.checks.models import Check

    project = Project.objects.create(name="bench", directory_change=1)
    at = datetime.now(UTC) - timedelta(hours=1)
    up: dict[str, Any] = {"status": "up", "n_pings": 1, "last_ping_at": at, "status_since": at}
    up |= {"due_at": at + timedelta(hours=24), "period_seconds": 86_400, "grace_seconds": 3_600}
    up |= {"down_at": at + timedelta(hours=25), "wake_at": at + timedelta(hours=25)}
    for start in range(0, count, 5_000):
        some = range(start, min(start + 5_000, count))
        Check.objects.bulk_create(
            Check(project=project, name=f"c{n}", slug=f"c{n}", directory_change=1, **up)
            for n in some
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE checks_check")
    return list(Check.objects.values_list("code", flat=True))


def fill_journal(directory: Path, slot: int, targets: Sequence[UUID], begin: datetime) -> None:
    """Write a journal with one ping for each target, a millisecond apart."""
    from app.checks.state import Event
    from app.pings.frames import Entry, encode
    from app.pings.journal import Journal

    journal = Journal(directory, slot, limit_bytes=2**34, segment_bytes=64 * 2**20)
    for start in range(0, len(targets), 1_000):
        events = (
            Event(
                begin + timedelta(milliseconds=start + place),
                scheme="https",
                remote_addr="192.0.2.7",
                user_agent="curl/8.5.0",
            )
            for place in range(1_000)
        )
        some = zip(targets[start : start + 1_000], events, strict=False)
        identity = journal.identity.journal
        journal.append(b"".join(encode(identity, Entry(code.bytes, event)) for code, event in some))
    journal.close()


def drain(directory: Path) -> Spent:
    """Drain a journal as the drain does when it is behind."""
    from app.pings import batches, pipeline
    from app.pings.store import store

    draining = draining_of(directory)

    def never(_step: Any) -> Any:
        raise AssertionError("these batches are plain")

    spent = Meter("drain")
    while True:
        steps = batches.steps(draining, None)
        run = pipeline.apply_all(draining.position_id, steps, store(), never)
        assert run.last is not None
        if run.done.pings == 0:
            return spent.now()
        spent.pings += run.done.pings
        draining.place = run.last.batch.end


def _one_database(checks: int, pings: int, rounds: int) -> None:
    """Measure on the configured database; print a line of JSON for each measurement."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from django.db import connection

    from app.pings.pipeline import settle_memory
    from app.pings.store import store

    store().prepare()
    settle_memory()
    codes, random = fill_checks(checks), Random(1)
    begin = datetime.now(UTC)
    for number in range(rounds + 1):
        spread = [random.choice(codes) for _ in range(pings)]
        for name, targets in (("spread", spread), ("hot", [codes[0]] * pings)):
            at = begin + timedelta(hours=number * 2 + (name == "hot"))
            ways: list[Callable[..., Spent]] = [drain]
            ways += [one_by_one] if connection.vendor == "postgresql" else []
            for way in ways if number % 2 else ways[::-1]:
                found = _run(way, targets, at)
                if number:  # the first round warms up
                    print(json.dumps({"load": name, **asdict(found)}), flush=True)


def _run(way: Callable[..., Spent], targets: Sequence[UUID], begin: datetime) -> Spent:
    with tempfile.TemporaryDirectory(prefix="stillhere-bench-") as directory:
        if way is drain:
            fill_journal(Path(directory), 0, targets, begin)
            return drain(Path(directory))
        some = targets[: max(len(targets) // ROW_WORKER_SHARE, 500)]
        # Behind what was drained, so that it has no late pings to fold.
        fill_journal(Path(directory), 0, some, begin + timedelta(minutes=30))
        return one_by_one(Path(directory), len(some))


def _lines(url: str, *numbers: int) -> Iterator[dict[str, Any]]:
    """Measure in a process of its own, as Django takes one database."""
    with tempfile.TemporaryDirectory(prefix="stillhere-bench-") as data:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "app.settings",
            "STILLHERE_DATA_DIR": data,
            "DATABASE_URL": url,
        }
        command = [sys.executable, "-m", "tests.bench.drain", "--inside", *map(str, numbers)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            raise SystemExit(process.returncode)


def main() -> None:
    """Print the medians."""
    inside = "--inside" in sys.argv
    given = [int(word) for word in sys.argv[1:] if word.isdigit()]
    checks, pings, rounds = [*given, *(100_000, 50_000, 5)[len(given) :]]
    if inside:
        _one_database(checks, pings, rounds)
        return
    print(f"{checks} checks, {pings} pings, {rounds} rounds; CPU seconds for 10,000 pings")
    with running_cluster() as cluster:
        _print("PostgreSQL", list(_lines(cluster.url, checks, pings, rounds)))
    _print("SQLite", list(_lines("", checks, pings, rounds)))


def _print(database: str, lines: Sequence[dict[str, Any]]) -> None:
    for load in ("spread", "hot"):
        found: dict[str, list[Spent]] = {}
        for line in lines:
            if line["load"] == load:
                spent = Spent(**{key: value for key, value in line.items() if key != "load"})
                found.setdefault(spent.way, []).append(spent)
        for way, some in found.items():
            drain_cpu = statistics.median(one.drain_per_10000 for one in some)
            database_cpu = statistics.median(one.database_per_10000 for one in some)
            rate = statistics.median(one.rate for one in some)
            print(
                f"{database:<10} {load:<6} {way:<10} {rate:9,.0f}/s   "
                f"{drain_cpu:6.3f} + {database_cpu:6.3f} = {drain_cpu + database_cpu:6.3f}"
            )


if __name__ == "__main__":
    main()
