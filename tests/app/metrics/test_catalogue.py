"""Names of metrics and their documentation (app/metrics/catalogue.py)."""

import re

import pytest

from app.metrics.catalogue import METRICS, Kind, Metric
from tests.app.metrics.metrics_table import BEGIN, DOCUMENT, END, table

_UNITS = ("_seconds", "_bytes")


def test_the_documented_table_is_the_catalogue() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert document.split(BEGIN)[1].split(END)[0] == table(), "`make docs` writes it anew"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_follows_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"stillhere_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not re.search(r"_(ms|us|ns|minutes|kb|mb|count)\b", metric.name)
    assert metric.help.endswith(".")
    if any(word in metric.help for word in ("Age", "How long", "CPU time")):
        assert metric.name.removesuffix("_total").endswith("_seconds")
    if "Bytes" in metric.help or "Size" in metric.help:
        assert metric.name.removesuffix("_total").endswith("_bytes")
    assert list(metric.bounds) == sorted(set(metric.bounds))
    assert bool(metric.bounds) == (metric.kind is Kind.HISTOGRAM)


def test_no_name_is_there_twice() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
