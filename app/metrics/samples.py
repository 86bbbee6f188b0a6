"""A metric's value at one moment, and how it is told from one process to another. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.metrics.catalogue import BY_NAME, Kind, Metric

Counts = tuple[tuple[int, ...], float]  # of a histogram: each bucket's own count, and the sum


@dataclass(frozen=True, slots=True)
class Sample:
    """One value; `labels` are the values of the metric's labels, in their order."""

    metric: Metric
    value: float | Counts
    labels: tuple[str, ...] = ()


class Distribution:
    """Collects the values of a histogram: a search among a dozen bounds for each."""

    __slots__ = ("_bounds", "_metric", "counts", "sum")

    def __init__(self, metric: Metric) -> None:
        self._metric, self._bounds = metric, metric.bounds
        self.counts = [0] * (len(metric.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def sample(self) -> Sample:
        """Return what was counted so far."""
        return Sample(self._metric, (tuple(self.counts), self.sum))


def packed(samples: Iterable[Sample]) -> list[tuple[Any, ...]]:
    """Return samples as msgpack takes them."""
    return [(sample.metric.name, sample.labels, sample.value) for sample in samples]


def unpacked(said: Sequence[Any]) -> list[Sample]:
    """Return the samples that another process said.

    During a deploy it may be of another release: what is not in our catalogue, or has
    another shape there, is left out.
    """
    found = []
    for name, labels, value in said:
        metric = BY_NAME.get(name)
        if metric is None or len(labels) != len(metric.labels):
            continue
        is_histogram = metric.kind is Kind.HISTOGRAM
        if is_histogram != isinstance(value, tuple | list):
            continue
        if is_histogram:
            counts, total = value
            if len(counts) != len(metric.bounds) + 1:
                continue
            value = (tuple(counts), float(total))
        found.append(Sample(metric, value, tuple(labels)))
    return found
