"""Real cron traffic around an hour through the whole path, with its queue drawn (make bench-cron).

    python -m tests.bench.cron [--svg FILE] [--from -60] [--to 120] [--database sqlite]

A receiver, a drain, the notifier and the pages on a durable throw-away PostgreSQL (or SQLite) get a
synthetic trace (cron_trace) at its true rates from a client in two processes (cron_client), on the
same machine. What waits is read from the receiver's own metrics once a second. It prints figures
and fails only when a ping that was answered is not in the database.
"""

import argparse
import itertools
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from http.client import HTTPConnection
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.bench import cron_chart, cron_client
from tests.bench.cron_chart import Point
from tests.bench.cron_client import Counted
from tests.bench.cron_trace import trace
from tests.e2e.service import Service, new_service, wait_for
from tests.postgresql import running_cluster

CHECKS = 20_000
CLIENTS = 2
SETTLE_SECONDS = 300
_MAKE_CHECKS = f"""
from app.accounts.models import Project
from app.checks.models import Check
from app.checks.models import next_change
from django.db import transaction
with transaction.atomic():
    project = Project.objects.create(name="cron", directory_change=next_change())
    change = next_change()
    checks = [Check(project=project, slug=f"job-{{n}}", period_seconds=86_400,
                    grace_seconds=3_600, directory_change=change) for n in range({CHECKS})]
    Check.objects.bulk_create(checks, batch_size=500)
result = [str(check.code) for check in checks]
"""
_COUNT = """
from django.db.models import Sum
from app.checks.models import Check
result = Check.objects.aggregate(n=Sum("n_pings"))["n"] or 0
"""
Figures = dict[str, float]


def main() -> None:
    """Run the trace, print the chart and the figures, write the drawing."""
    asked = _arguments()
    times = [at - asked.begin for at in trace(asked.begin, asked.end)]
    print(f"{len(times)} pings in {asked.end - asked.begin:.0f} s, {CHECKS} checks", flush=True)
    with _service(asked.database) as service:
        codes = service.evaluate(_MAKE_CHECKS)
        wait_for(lambda: _figures(service)["directory_checks"] >= CHECKS, "the directory")
        counted, points = _replay(service, times, codes, asked.begin)
        answered = sum(count for kind, count in counted.answers.items() if kind == "200")
        wait_for(
            lambda: _figures(service)["pings_queued"] == 0,
            "the drain", timeout_seconds=SETTLE_SECONDS,
        )  # fmt: skip
        stored, figures = service.evaluate(_COUNT), _figures(service)
    print(cron_chart.text(points))
    _say(counted, points, figures, answered, stored)
    if asked.svg:
        title = "Cron traffic around an hour: pings a second and what waits for the database"
        Path(asked.svg).write_text(cron_chart.svg(points, title), "utf-8")
    if stored < answered:
        sys.exit(f"{answered - stored} acknowledged pings are not in the database")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--svg", default="", help="write a drawing there")
    parser.add_argument("--from", dest="begin", type=float, default=-60.0, help="s after the hour")
    parser.add_argument("--to", dest="end", type=float, default=120.0, help="s after the hour")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    return parser.parse_args()


@contextmanager
def _service(database: str) -> Iterator[Service]:
    os.environ.pop("DATABASE_URL", None)
    cluster = running_cluster() if database == "postgresql" else nullcontext(None)
    with cluster as running, tempfile.TemporaryDirectory() as directory:
        if running is not None:
            os.environ["DATABASE_URL"] = running.url
        with new_service(Path(directory), CHECK_LIMIT="1000000", PING_LOG_LIMIT="1000") as service:
            service.start()
            yield service


def _replay(
    service: Service, times: list[float], codes: list[str], begin: float
) -> tuple[Counted, list[Point]]:
    """Send all pings; return what came of them, and a point for every second."""
    context = multiprocessing.get_context("spawn")
    start, over, seen = time.time() + 5, threading.Event(), list[tuple[float, Figures]]()
    watching = threading.Thread(target=_watch, args=(service, start, over, seen))
    watching.start()
    with ProcessPoolExecutor(CLIENTS, mp_context=context) as pool:
        parts = [
            pool.submit(cron_client.run, service.port, start, times[n::CLIENTS], codes[n::CLIENTS])
            for n in range(CLIENTS)
        ]
        counted = [part.result() for part in parts]
    over.set()
    watching.join()
    total = counted[0]
    for one in counted[1:]:
        total.sent += one.sent
        total.answers += one.answers
        total.latencies += one.latencies
        total.latest = max(total.latest, one.latest)
    return total, _points(seen, times, begin)


def _watch(
    service: Service, start: float, over: threading.Event, seen: list[tuple[float, Figures]]
) -> None:
    """Look once a second, on a connection that is there before the crowd comes."""
    line = HTTPConnection("127.0.0.1", service.port, timeout=60)
    line.connect()
    due = start
    while not over.wait(max(due - time.time(), 0)):
        line.request("GET", "/-/metrics")
        page = line.getresponse().read().decode()
        seen.append((time.time() - start, _parsed(page)))
        due = max(due + 1, time.time())
    line.close()


def _figures(service: Service) -> Figures:
    return _parsed(service.get("/-/metrics"))


def _parsed(page: str) -> Figures:
    """Return each sample by its name and the values of its labels, without our prefix."""
    families = text_string_to_metric_families(page)
    return {
        "_".join([sample.name.removeprefix("stillhere_"), *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def _points(seen: list[tuple[float, Figures]], times: list[float], begin: float) -> list[Point]:
    found = []
    for (before, old), (at, new) in itertools.pairwise(seen):
        offered = sum(1 for time in times if before <= time < at)
        taken = new["pings_taken_total"] - old["pings_taken_total"]
        length = at - before
        queued, dwell = new["pings_queued"], new["pings_dwell_seconds"]
        found.append(Point(at + begin, offered / length, taken / length, queued, dwell))
    return found


def _say(
    counted: Counted, points: list[Point], figures: Figures, answered: int, stored: int
) -> None:
    latencies = sorted(counted.latencies) or [0.0]
    p50, p99 = (1_000 * latencies[int(part * (len(latencies) - 1))] for part in (0.5, 0.99))
    print(f"answers            {dict(counted.answers)} of {counted.sent}")
    print(f"in the database    {stored}, acknowledged {answered}")
    print(f"answer             p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"client behind plan {counted.latest:.2f} s at most")
    print(f"most taken         {max(point.taken for point in points):.0f} in a second")
    print(f"most queued        {max(point.queued for point in points):.0f}")
    print(f"oldest ping        {max(point.dwell_seconds for point in points):.1f} s")
    for program in ("receiver", "drain"):
        cpu = figures[f"process_cpu_seconds_total_{program}"] / (counted.sent / 10_000)
        print(f"CPU, {program:13} {cpu:.2f} s for 10,000 pings, start included")
    commits = figures["journal_commit_pings_count"]
    print(f"pings to a sync    {figures['journal_commit_pings_sum'] / commits:.0f}")
    batches = figures["drain_batch_pings_count"]
    print(f"pings to a batch   {figures['drain_batch_pings_sum'] / batches:.0f}")


if __name__ == "__main__":
    main()
