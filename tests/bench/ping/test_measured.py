"""Medians and ratios of what was measured."""

import pytest

from tests.bench.ping.measured import Sample, ratio, row, rows
from tests.bench.ping.spent import Memory


def test_a_row_has_the_median_of_each_of_its_values() -> None:
    runs = [
        {"path": Sample(done, 2, {"drain": cpu}, p50, 9, {"drain": Memory(rss, rss / 2)})}
        for done, cpu, p50, rss in ((100, 3, 7, 40), (300, 1, 5, 60), (200, 2, 6, 50))
    ]
    found = row("path", runs)
    assert (found.per_second, found.p50_ms, found.p99_ms) == (100, 6, 9)
    assert found.cpu_per_10k["drain"] == pytest.approx(100)
    assert found.cpu_per_10k_total == pytest.approx(100)
    assert found.memory["drain"] == Memory(50, 25)
    assert found.per_second_of_runs == [50, 150, 100]


def test_a_problem_of_one_run_marks_the_row() -> None:
    runs = [{"path": Sample(1, 1)}, {"path": Sample(1, 1, problems=["2 pings are lost"])}]
    assert row("path", runs).problems == ["run 2: 2 pings are lost"]


def test_rows_stand_as_they_were_measured_and_may_be_in_some_runs_only() -> None:
    runs = [{"b": Sample(1, 1), "memory": Sample(4, 1)}, {"b": Sample(3, 1), "a": Sample(1, 1)}]
    found = rows(runs)
    assert [(one.name, one.per_second) for one in found] == [("b", 2), ("memory", 4), ("a", 1)]


def test_a_ratio_is_taken_inside_each_run() -> None:
    """The ratio of the medians would be 3: they come from runs at different speeds."""
    rates = [(90, 30), (20, 10), (200, 100)]
    runs = [{"ours": Sample(a, 1), "theirs": Sample(b, 1)} for a, b in rates]
    assert ratio(runs, lambda run: run["ours"].rate / run["theirs"].rate) == 2


def test_a_ratio_of_what_was_not_measured_is_none() -> None:
    assert ratio([{"ours": Sample(1, 1)}], lambda run: run["theirs"].rate) is None
    assert ratio([{"ours": Sample(0, 1)}], lambda run: 1 / run["ours"].rate) is None


def test_nothing_done_costs_nothing_and_has_no_rate() -> None:
    assert (Sample(0, 0).rate, Sample(0, 1, {"drain": 1}).cpu_per_10k) == (0, 0)
