"""The synthetic trace has the rates that it is made for (cron_trace.py)."""

import pytest

from tests.bench.cron_trace import densest_second, population, trace


def test_the_average_and_both_fronts_are_the_given_rates() -> None:
    assert population().average() == pytest.approx(500, rel=0.01)
    times = trace(-60, 60)
    assert times == sorted(times)
    assert densest_second([at for at in times if at < -0.5]) == pytest.approx(4_000, rel=0.05)
    assert densest_second([at for at in times if at > 0]) == pytest.approx(10_000, rel=0.05)
