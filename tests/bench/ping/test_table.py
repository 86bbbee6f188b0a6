"""What a person reads at the end."""

from collections.abc import Mapping

from tests.bench.ping import bounds, table
from tests.bench.ping.measured import Run, Sample, rows
from tests.bench.ping.memory import ROWS as MEMORY
from tests.bench.ping.rows import with_checks
from tests.bench.ping.spent import Memory

# What is asked of `make bench-ping JSON=FILE` elsewhere.
NAMES = {
    "receiver_cpu_over_nginx", "receiver_rate_over_nginx", "path_rate_over_row_worker",
    "drain_rate_over_row_worker", "path_rate_over_django_view",
    "path_rate_over_django_view_persistent", "path_cpu_over_nginx",
    "slow_db_rate_over_row_worker", "memory_mb", "durability_ms",
}  # fmt: skip


def _run(slow: float = 1.0) -> Run:
    rates = {
        bounds.NGINX: 100_000, bounds.RECEIVER: 50_000, bounds.PATH: 20_000, bounds.DRAIN: 30_000,
        bounds.ROW_WORKER: 1_000, bounds.DJANGO: 200, bounds.DJANGO_PERSISTENT: 500,
        bounds.SLOW_PATH: 4_000, bounds.SLOW_ROW_WORKER: 2, with_checks(10): 20_000,
    }  # fmt: skip
    found = {name: Sample(rate, slow, {"p": 100_000 / rate}) for name, rate in rates.items()}
    durability: Mapping[str, float] = {
        "durable answers, 100/s": 1.5, "answers without a disk, 100/s": 0.25,
        "fdatasync alone, 100/s": 0.5, "durable answers, 100/s, drain at work": 2.25,
    }  # fmt: skip
    found |= {name: Sample(1, 1, p50_ms=p50) for name, p50 in durability.items()}
    held = {"receiver": Memory(90, 60), "drain": Memory(50, 40)}
    return found | {name: Sample(1, 1, memory=held) for name in MEMORY}


def test_every_name_that_others_rely_on_has_its_figure() -> None:
    _, found = bounds.ratios([_run(), _run(slow=3)], 100, [10])
    assert found.keys() >= NAMES
    assert found["path_rate_over_row_worker"] == 20
    assert found["path_cpu_over_nginx"] == 25
    assert found["slow_db_rate_over_row_worker"] == 2_000
    assert found["memory_mb"] == 100


def test_durability_is_what_an_answer_takes_longer_than_one_without_a_disk() -> None:
    said = bounds.durability([_run()], 100)
    assert (said["added_p50"], said["fdatasync_p50"], said["bound"]) == (1.25, 0.5, 1.75)
    assert said["added_p50_drain_at_work"] == 2
    assert bounds.durability([_run()], 1_000) == {}


def test_a_ratio_stands_beside_its_bound_and_its_aim() -> None:
    page = _page(_run())
    assert "| `receiver_cpu_over_nginx` | 4 | ≤ 5 | ≤ 3 |" in page
    assert "| `path_rate_over_row_worker` | 20 | ≥ 12 |  |" in page
    assert "| 100 | 1.25 | ≤ 1.75 | 2.00 |" in page


def test_a_row_with_a_problem_is_marked_and_says_why() -> None:
    good, bad = _run(), {**_run(), bounds.PATH: Sample(1, 1, problems=["3 pings are lost"])}
    assert "✗" not in _page(good)
    assert f"{bounds.PATH} ✗" in _page(bad)
    assert f"- {bounds.PATH}: run 1: 3 pings are lost" in _page(bad)


def test_a_row_that_wrk_could_not_load_more_is_marked() -> None:
    more = {"load_busy": 0.97, "busiest": 0.6}
    assert f"{bounds.NGINX}¹" in _page({**_run(), bounds.NGINX: Sample(1, 1, more=more)})
    busy = {"load_busy": 0.97, "busiest": 0.95}
    assert "¹" not in _page({**_run(), bounds.NGINX: Sample(1, 1, more=busy)})


def _page(run: Run) -> str:
    promises, _ = bounds.ratios([run], 100, [10])
    return table.page([], rows([run]), promises, {"100": bounds.durability([run], 100)})
