"""Bytes of journals that are destroyed: this is where it is known which pings were in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.pings.frames import HEADER_BYTES, Whole, decode
from app.pings.journal import read_identity, segments


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame of a segment: bytes [start, end), and the token of its ping."""

    start: int
    end: int
    token: str


def frames(journal: Path, segment: int) -> list[Frame]:
    """Return the whole frames of a segment, in order."""
    identity = read_identity(journal)
    assert identity is not None
    data = segments(journal)[segment].read_bytes()[HEADER_BYTES:]
    found, start = [], HEADER_BYTES
    for one in decode(identity.journal, data, offset=HEADER_BYTES):
        if isinstance(one, Whole):
            found.append(Frame(start, one.end, one.entry.event.body.decode().strip()))
        start = one.end
    return found


def newest(journal: Path) -> int:
    """Return the number of the segment that is written."""
    return max(segments(journal))


def flip(journal: Path, segment: int, frame: Frame, byte: int, bit: int = 3) -> set[str]:
    """Flip one bit of a frame's byte, counted from its start; return what is destroyed."""
    with segments(journal)[segment].open("r+b") as file:
        file.seek(frame.start + byte)
        old = file.read(1)[0]
        file.seek(frame.start + byte)
        file.write(bytes([old ^ 1 << bit]))
    return {frame.token}


def truncate(journal: Path, segment: int, known: Sequence[Frame], place: int) -> set[str]:
    """Cut a segment in the middle of its frame number `place`; return what is destroyed."""
    cut = (known[place].start + known[place].end) // 2
    with segments(journal)[segment].open("r+b") as file:
        file.truncate(cut)
    return {frame.token for frame in known[place:]}
