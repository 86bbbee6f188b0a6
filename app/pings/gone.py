"""What a journal no longer has: this is where pings are counted as their segments are dropped.

Nobody needs the count until a database comes back older than the journal reaches: then
it says how many pings cannot be applied again.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from app.pings.frames import FRAME_BYTES, HEADER_BYTES, frame_size
from app.pings.segment import write_whole

_NAME = "dropped.json"
_MOST_SEGMENTS = 10_000
_BUFFER_BYTES = 2**16


def note(directory: Path, dropped: Iterable[Path]) -> None:
    """Count the pings of segments that are about to be dropped."""
    counts = _read(directory)
    counts |= {int(path.stem): frames_in(path) for path in dropped if path.exists()}
    newest = sorted(counts.items())[-_MOST_SEGMENTS:]
    write_whole(directory / _NAME, json.dumps(dict(newest)).encode())


def pings_between(directory: Path, first: int, last: int) -> int | None:
    """Return the pings of the dropped segments [first, last); None when not all were counted."""
    counts = _read(directory)
    wanted = range(first, last)
    return sum(counts[each] for each in wanted) if all(map(counts.__contains__, wanted)) else None


def frames_in(path: Path) -> int:
    """Return how many frames a segment has, by their lengths alone: up to the first damage."""
    place, count, size = HEADER_BYTES, 0, path.stat().st_size
    with path.open("rb", buffering=_BUFFER_BYTES) as file:  # a segment is too large for memory
        while place + FRAME_BYTES <= size:
            file.seek(place)
            length = frame_size(file.read(FRAME_BYTES), 0)
            if not length:
                break
            place += length
            count += place <= size
    return count


def _read(directory: Path) -> dict[int, int]:
    try:
        said = json.loads((directory / _NAME).read_text("utf-8"))
        return {int(segment): int(count) for segment, count in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
