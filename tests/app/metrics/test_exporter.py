"""The text of a scrape, as Prometheus's own parser reads it (app/metrics/exporter.py)."""

from prometheus_client.parser import text_string_to_metric_families

from app.metrics import catalogue as its
from app.metrics.exporter import text
from app.metrics.samples import Distribution, Sample


def parsed(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_counters_and_gauges_keep_their_names_and_labels() -> None:
    page = text(
        [
            Sample(its.TAKEN, 12),
            Sample(its.REFUSED, 3, ("404",)),
            Sample(its.REFUSED, 1, ("503",)),
            Sample(its.DWELL, 0.25),
        ]
    )
    assert parsed(page) == {
        ("stillhere_pings_taken_total",): 12,
        ("stillhere_pings_refused_total", "404"): 3,
        ("stillhere_pings_refused_total", "503"): 1,
        ("stillhere_pings_dwell_seconds",): 0.25,
    }
    assert "# TYPE stillhere_pings_taken_total counter" in page
    assert "# HELP stillhere_pings_dwell_seconds Age of" in page


def test_the_buckets_of_a_histogram_hold_all_below_their_bound() -> None:
    distribution = Distribution(its.COMMIT_PINGS)
    for value in (1, 1, 2, 3, 10_000):
        distribution.observe(value)
    found = parsed(text([distribution.sample()]))
    name = "stillhere_journal_commit_pings"
    assert found[f"{name}_bucket", "1.0"] == 2
    assert found[f"{name}_bucket", "2.0"] == 3
    assert found[f"{name}_bucket", "5.0"] == found[f"{name}_bucket", "5000.0"] == 4
    assert found[f"{name}_bucket", "+Inf"] == found[f"{name}_count",] == 5
    assert found[f"{name}_sum",] == 10_007


def test_what_nobody_said_is_not_there() -> None:
    assert text([]) == ""
