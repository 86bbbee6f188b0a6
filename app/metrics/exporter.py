"""Samples as the text that Prometheus reads, by its own client library."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from app.metrics.catalogue import METRICS, Kind, Metric
from app.metrics.samples import Sample


def text(samples: Iterable[Sample]) -> str:
    """Return the page of a scrape: what is in no sample is not on it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Samples(list(samples)))
    return generate_latest(registry).decode()


class _Samples(Collector):
    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Family]:
        """Yield what is known, in the order of the catalogue."""
        for metric in METRICS:
            of_metric = [sample for sample in self._samples if sample.metric is metric]
            if of_metric:
                yield _family(metric, of_metric)


def _family(metric: Metric, samples: list[Sample]) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        return _histogram(metric, samples)
    counter = metric.kind is Kind.COUNTER
    family = (CounterMetricFamily if counter else GaugeMetricFamily)(
        metric.name, metric.help, labels=metric.labels
    )
    for sample in samples:
        assert not isinstance(sample.value, tuple)
        family.add_metric(sample.labels, sample.value)
    return family


def _histogram(metric: Metric, samples: list[Sample]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*(str(float(bound)) for bound in metric.bounds), "+Inf"]
    for sample in samples:
        assert isinstance(sample.value, tuple)
        counts, total = sample.value
        # Prometheus's buckets hold everything below their bound.
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        family.add_metric(sample.labels, buckets, total)
    return family
