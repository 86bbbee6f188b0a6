"""The ratios that are promised of a ping, each with its bound and its aim. Pure.

Every one is taken inside each run and is the median over the runs. Nothing is asserted: the
figures stand beside what was promised, and who reads them judges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.ping.durability import RATES
from tests.bench.ping.measured import Run, ratio
from tests.bench.ping.memory import ROWS as MEMORY
from tests.bench.ping.rows import WITH_DRAIN, with_checks

NGINX = "nginx return 200, keep-alive"
RECEIVER = "receiver, durable, keep-alive"
PATH = "path into PostgreSQL, keep-alive"
DRAIN = "drain and PostgreSQL alone"
ROW_WORKER = "row-at-a-time worker"
DJANGO = "plain Django view, new database connections"
DJANGO_PERSISTENT = "plain Django view, persistent database connections"
SLOW_PATH = "path, database 100 ms away"
SLOW_ROW_WORKER = "row-at-a-time worker, database 100 ms away"
DURABILITY_FACTOR, DURABILITY_MS = 1.5, 1.0
MEMORY_MB = 150.0


@dataclass(frozen=True, slots=True)
class Promise:
    """A ratio with its bound. `is_most`: the bound is the most it may be, else the least."""

    name: str
    of: Callable[[Run], float]
    bound: float | None = None
    aim: float | None = None
    is_most: bool = False


def _rate(name: str, over: str) -> Callable[[Run], float]:
    return lambda run: run[name].rate / run[over].rate


def _cpu(name: str, over: str) -> Callable[[Run], float]:
    return lambda run: run[name].cpu_per_10k / run[over].cpu_per_10k


def _pss(name: str) -> Callable[[Run], float]:
    return lambda run: sum(held.pss_mb for held in run[name].memory.values())


def _least(
    name: str, of: Callable[[Run], float], bound: float | None = None, aim: float | None = None
) -> Promise:
    return Promise(name, of, bound, aim)


def _most(
    name: str, of: Callable[[Run], float], bound: float | None = None, aim: float | None = None
) -> Promise:
    return Promise(name, of, bound, aim, is_most=True)


def promises(checks: int, others: Sequence[int]) -> list[Promise]:
    """Return them all; `checks` is the usual number, `others` are those it is compared with."""
    least, most = _least, _most
    found = [
        most("receiver_cpu_over_nginx", _cpu(RECEIVER, NGINX), 5, aim=3),
        least("receiver_rate_over_nginx", _rate(RECEIVER, NGINX), 1 / 5, aim=1 / 3),
        least("path_rate_over_row_worker", _rate(PATH, ROW_WORKER), 12),
        least("drain_rate_over_row_worker", _rate(DRAIN, ROW_WORKER), 15),
        least("path_rate_over_django_view", _rate(PATH, DJANGO), 40),
        least("path_rate_over_django_view_persistent", _rate(PATH, DJANGO_PERSISTENT), 15),
        most("path_cpu_over_nginx", _cpu(PATH, NGINX), 14, aim=8),
        least("slow_db_rate_over_row_worker", _rate(SLOW_PATH, SLOW_ROW_WORKER), 500),
        most("memory_mb", _pss(MEMORY[0]), MEMORY_MB),
        most("memory_full_mb", _pss(MEMORY[2]), MEMORY_MB),
        most("memory_full_over_memory", lambda run: _pss(MEMORY[2])(run) / _pss(MEMORY[0])(run)),
    ]
    for count in others:
        name = f"path_cpu_{count}_over_{checks}_checks"
        found.append(most(name, _cpu(with_checks(count), PATH)))
    return found


def ratios(
    runs: Sequence[Run], checks: int, others: Sequence[int], rates: Sequence[int] = RATES
) -> tuple[list[tuple[Promise, float | None]], dict[str, object]]:
    """Return each promise with its median, and all of it by name, as it is written."""
    found = [(promise, ratio(runs, promise.of)) for promise in promises(checks, others)]
    durable = {str(rate): durability(runs, rate) for rate in rates}
    return found, {
        **{promise.name: value for promise, value in found},
        "durability_ms": {rate: said for rate, said in durable.items() if said},
    }


def durability(runs: Sequence[Run], rate: int) -> Mapping[str, float | None]:
    """Return what durability adds at a rate, in milliseconds (p50), and what it may add.

    The bound is inside each run: 1.5 times the disk's bare fdatasync, and a millisecond.
    """
    asked = f"durable answers, {rate:,}/s"
    if not any(asked in run for run in runs):
        return {}

    def p50(name: str) -> Callable[[Run], float]:
        return lambda run: _known(run[f"{name}, {rate:,}/s"].p50_ms)

    def added(name: str) -> Callable[[Run], float]:
        free = p50("answers without a disk")
        return lambda run: _known(run[name].p50_ms) - free(run)

    bare = p50("fdatasync alone")
    return {
        "added_p50": ratio(runs, added(asked)),
        "added_p50_drain_at_work": ratio(runs, added(asked + WITH_DRAIN)),
        "answer_p50": ratio(runs, lambda run: _known(run[asked].p50_ms)),
        "answer_p99": ratio(runs, lambda run: _known(run[asked].p99_ms)),
        "fdatasync_p50": ratio(runs, bare),
        "fdatasync_growing_file_p50": ratio(runs, p50("fdatasync alone, growing file")),
        "bound": ratio(runs, lambda run: DURABILITY_FACTOR * bare(run) + DURABILITY_MS),
    }


def _known(value: float | None) -> float:
    return 0.0 if value is None else value
