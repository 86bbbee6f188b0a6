"""The last runs as a drawing: this is where lengths become places. Pure.

Across, places are percent, so that the drawing is as wide as its room; upwards
they are pixels, so that its words keep their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from app.pages import words
from app.pings.run_times import Run

RUNS = 30
LEAST_SLOTS = 12  # so that two runs are two bars and not two halves
TOP, BASE = 24, 144  # pixels: the highest bar's top and the bars' feet
LEFT, RIGHT = 15.0, 100.0  # percent: room for the words of the axis
WIDE = 0.7  # of a bar's slot
LEAST_HEIGHT = 1.5
MOST_LINES = 4
_STEPS = (
    *(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A run; x, width and middle in percent, y and height in pixels."""

    run: Run
    x: str
    width: str
    middle: str
    y: float
    height: float
    took: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A level of the scale and what it stands for."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All that the template needs to draw."""

    bars: Sequence[Bar]
    rules: Sequence[Rule]
    median: Rule
    failed: int
    longest: str
    base: int = BASE


def chart(runs: Sequence[Run]) -> Chart | None:
    """Return the drawing of the newest RUNS of the runs, oldest to the left; None without any."""
    drawn = runs[-RUNS:]
    if not drawn:
        return None
    seconds = [run.duration.total_seconds() for run in drawn]
    step, top = scale(max(seconds))
    middle = median(seconds)
    count = int(top / step + 0.5)
    rules = [Rule(_y(step * place, top), _label(step * place)) for place in range(1, count + 1)]
    slot = (RIGHT - LEFT) / max(len(drawn), LEAST_SLOTS)
    return Chart(
        bars=[_bar(run, place, slot, top) for place, run in enumerate(drawn)],
        rules=rules,
        median=Rule(_y(middle, top), words.run_time(timedelta(seconds=middle))),
        failed=sum(run.is_failed for run in drawn),
        longest=words.run_time(max(run.duration for run in drawn)),
    )


def scale(longest_seconds: float) -> tuple[float, float]:
    """Return the step and the top of a scale with at most MOST_LINES round steps."""
    for step in _STEPS:
        if longest_seconds <= step * MOST_LINES:
            lines = max(1, -int(-longest_seconds // step))
            return step, step * lines
    return _STEPS[-1], _STEPS[-1] * MOST_LINES


def _bar(run: Run, place: int, slot: float, top: float) -> Bar:
    y = min(_y(run.duration.total_seconds(), top), BASE - LEAST_HEIGHT)
    x = LEFT + slot * (place + (1 - WIDE) / 2)
    return Bar(
        run,
        x=f"{x:.2f}%",
        width=f"{slot * WIDE:.2f}%",
        middle=f"{x + slot * WIDE / 2:.2f}%",
        y=y,
        height=round(BASE - y, 1),
        took=words.run_time(run.duration),
    )


def _y(seconds: float, top: float) -> float:
    return round(BASE - (BASE - TOP) * seconds / top, 1)


def _label(seconds: float) -> str:
    """Return "0.2 s", "30 s", "1 min 30 s", "4 h": what is round needs no more."""
    return f"{seconds:g} s" if seconds < 60 else words.exact(round(seconds))
