"""A queue over time, drawn: as text for a terminal, as SVG for a document. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT, _LEFT, _GAP = 900, 200, 70, 50
_BAR_CHARS = 30


@dataclass(frozen=True, slots=True)
class Point:
    """One moment: seconds after the hour, pings due and taken a second, not yet in the database."""

    at: float
    offered: float
    taken: float
    queued: float
    dwell_seconds: float


def text(points: Sequence[Point]) -> str:
    """Return a line each; the bars are pings taken a second and pings that wait."""
    most_taken = max((point.taken for point in points), default=0) or 1
    most_queued = max((point.queued for point in points), default=0) or 1
    head = f"{'second':>7} {'due/s':>6} {'taken/s':>7}  "
    lines = [f"{head}{'':{_BAR_CHARS}}{'queued':>7} {'dwell':>7}"]
    for point in points:
        taken = "#" * round(_BAR_CHARS * point.taken / most_taken)
        queued = "=" * round(_BAR_CHARS * point.queued / most_queued)
        lines.append(
            f"{point.at:7.0f} {point.offered:6.0f} {point.taken:7.0f}  {taken:{_BAR_CHARS}}"
            f"{point.queued:7.0f} {point.dwell_seconds:6.1f}s  {queued}"
        )
    return "\n".join(lines)


def svg(points: Sequence[Point], title: str) -> str:
    """Return a drawing of three panels: pings a second, what waits, and how old it is."""
    panels = [
        ("pings a second (grey: due, blue: taken)", [p.offered for p in points], "#858e97"),
        ("pings that are not in the database", [p.queued for p in points], "#8a5300"),
        ("age of the oldest of them, seconds", [p.dwell_seconds for p in points], "#b3261e"),
    ]
    drawn = []
    for n, (name, values, colour) in enumerate(panels):
        top = _GAP + n * (_HEIGHT + _GAP)
        taken = [p.taken for p in points] if n == 0 else []
        most = _round_up(max([*values, *taken], default=1))
        drawn.append(_axes(top, name, most, points))
        drawn.append(_line(points, values, most, top, colour))
        if taken:
            drawn.append(_line(points, taken, most, top, "#0b57d0"))
    height = _GAP + 3 * (_HEIGHT + _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 2 * _LEFT} {height}"'
        ' font-family="sans-serif" font-size="13" fill="#1b1f23">\n'
        f'<title>{title}</title>\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        + "".join(drawn)
        + "</svg>\n"
    )


def _axes(top: int, name: str, most: float, points: Sequence[Point]) -> str:
    bottom, parts = top + _HEIGHT, [f'<text x="{_LEFT}" y="{top - 8}">{name}</text>\n']
    for part in (0.0, 0.5, 1.0):
        y = bottom - part * _HEIGHT
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#d8dce0"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * part:g}</text>\n'
        )
    begin, end = points[0].at, points[-1].at
    for minute in range(int(begin // 60), int(end // 60) + 2):
        x = _LEFT + _WIDTH * (minute * 60 - begin) / ((end - begin) or 1)
        if _LEFT <= x <= _LEFT + _WIDTH:
            label = "the hour" if minute == 0 else f"{minute:+d} min"
            parts.append(
                f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>\n'
            )
    return "".join(parts)


def _line(
    points: Sequence[Point], values: Sequence[float], most: float, top: int, colour: str
) -> str:
    begin, length = points[0].at, (points[-1].at - points[0].at) or 1
    across = [_LEFT + _WIDTH * (point.at - begin) / length for point in points]
    down = [top + _HEIGHT * (1 - value / most) for value in values]
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>\n'


def _round_up(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least `value`."""
    step = 0.01
    while True:
        for factor in (1, 2, 5):
            if value <= step * factor:
                return step * factor
        step *= 10
