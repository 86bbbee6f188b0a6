"""What was measured, and what is made of it: medians of rows, ratios taken inside one run. Pure."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.bench.ping.spent import Memory


@dataclass(frozen=True, slots=True)
class Sample:
    """One row in one run: `done` requests were answered, or pings stood in the table.

    CPU is in seconds by process; latencies are in milliseconds, those of answers.
    """

    done: int
    seconds: float
    cpu: Mapping[str, float] = field(default_factory=dict)
    p50_ms: float | None = None
    p99_ms: float | None = None
    memory: Mapping[str, Memory] = field(default_factory=dict)
    problems: Sequence[str] = ()
    more: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Return how many a second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def cpu_per_10k(self) -> float:
        """Return the CPU seconds of all processes for ten thousand."""
        return sum(self.cpu.values()) / self.done * 10_000 if self.done else 0.0


Run = Mapping[str, Sample]  # by the row's name


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: medians over its samples."""

    name: str
    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_per_10k: Mapping[str, float]
    cpu_per_10k_total: float
    memory: Mapping[str, Memory]
    more: Mapping[str, float]
    problems: Sequence[str]
    per_second_of_runs: Sequence[float]

    def as_json(self) -> dict[str, object]:
        """Return it as it is written."""
        return asdict(self)


def row(name: str, runs: Sequence[Run]) -> Row:
    """Return the medians of a row over the runs that have it; each value has its own median."""
    samples = [run[name] for run in runs if name in run]
    return Row(
        name=name,
        per_second=statistics.median(sample.rate for sample in samples),
        p50_ms=_median(sample.p50_ms for sample in samples),
        p99_ms=_median(sample.p99_ms for sample in samples),
        cpu_per_10k=_medians(
            [
                {name: 1e4 * spent / (sample.done or 1) for name, spent in sample.cpu.items()}
                for sample in samples
            ]
        ),
        cpu_per_10k_total=statistics.median(sample.cpu_per_10k for sample in samples),
        memory={
            name: Memory(
                statistics.median(sample.memory[name].rss_mb for sample in samples),
                statistics.median(sample.memory[name].pss_mb for sample in samples),
            )
            for name in samples[0].memory
        },
        more=_medians([sample.more for sample in samples]),
        problems=[
            f"run {number}: {problem}"
            for number, run in enumerate(runs, 1)
            if name in run
            for problem in run[name].problems
        ],
        per_second_of_runs=[round(sample.rate, 1) for sample in samples],
    )


def rows(runs: Sequence[Run]) -> list[Row]:
    """Return all rows, in the order in which they were first measured."""
    names = dict.fromkeys(name for run in runs for name in run)
    return [row(name, runs) for name in names]


def ratio(runs: Sequence[Run], of: Callable[[Run], float]) -> float | None:
    """Return the median of a ratio that is taken inside each run: what slows one slows both.

    None when no run has both rows, or what is divided by is zero.
    """
    found = []
    for run in runs:
        try:
            found.append(of(run))
        except (KeyError, ZeroDivisionError):
            continue
    return statistics.median(found) if found else None


def _medians(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for value in values for name in value)
    return {
        name: statistics.median(value[name] for value in values if name in value) for name in names
    }


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
