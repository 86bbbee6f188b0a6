"""The reading end of a journal: this is where the drain gets its batches.

JournalError
└── PlaceUnknown   the place is beyond the journal, inside a frame, or its segment is missing
"""

import logging
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from app.pings.frames import HEADER_BYTES, Entry, Whole, decode
from app.pings.journal import Identity, JournalError, Place, segment_path, segments

log = logging.getLogger(__name__)

# Several times the largest frame, so that a chunk always holds a whole one.
CHUNK_BYTES = 8 * 2**20
MOST_BYTES = 4 * CHUNK_BYTES


class PlaceUnknown(JournalError):
    """The database knows a place that this journal does not have: never skip, ask a person."""


@dataclass(slots=True)
class Batch:
    """What was read: entries, each with the place behind it; `end` is behind all of it."""

    start: Place
    end: Place
    entries: list[tuple[Entry, Place]] = field(default_factory=list)
    damaged_bytes: int = 0
    size_bytes: int = 0
    most_entries: int = 2_000
    most_bytes: int = MOST_BYTES

    def is_full(self) -> bool:
        """Return True when no more is to be read into it."""
        return len(self.entries) >= self.most_entries or self.size_bytes >= self.most_bytes

    def newest(self) -> datetime | None:
        """Return when the last entry was received: no later one was received before it."""
        return self.entries[-1][0].event.received_at if self.entries else None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Bytes of a segment. `is_final`: what is no whole frame will never become one."""

    place: Place
    data: bytes
    reaches_end: bool
    is_final: bool


def read(
    directory: Path,
    identity: Identity,
    start: Place,
    *,
    until: Place | None,
    most_entries: int = 2_000,
    most_bytes: int = MOST_BYTES,
    chunk_bytes: int = CHUNK_BYTES,
) -> Batch:
    """Read whole frames from `start` on, at most up to `until`: one, or what the bounds allow.

    `until` is what the live receiver says is on disk. None means that no
    receiver is there: then what is read is synced here before it is believed.
    Damage is kept aside, counted and passed over; its neighbours are not lost.
    """
    known = segments(directory)
    end = _found(directory, start, known)
    last = min(max(known, default=0), until.segment if until else sys.maxsize)
    batch = Batch(start, end, most_entries=most_entries, most_bytes=most_bytes)
    while not batch.is_full() and batch.end.segment in known:
        if until is not None and batch.end >= until:
            break
        chunk = _chunk(known, batch.end, until, chunk_bytes)
        before = batch.end
        _take(batch, directory, identity, chunk)
        if not chunk.reaches_end:
            # Nothing whole in a chunk is damage longer than a chunk: look further.
            chunk_bytes *= 2 if batch.end == before else 1
            continue
        following = batch.end.segment + 1
        if batch.is_full() or not chunk.is_final or following > last:
            break
        if following not in known and following not in segments(directory):
            if batch.end != batch.start:
                break  # what lies before the gap is applied first
            raise PlaceUnknown(_missing(directory, following))
        batch.end = Place(following, HEADER_BYTES)
    return batch


def check(directory: Path, identity: Identity, place: Place) -> None:
    """Raise PlaceUnknown unless `place` is where a frame of this journal ends or begins."""
    known = segments(directory)
    place = _found(directory, place, known)
    if place.segment not in known or place.offset == HEADER_BYTES:
        return
    data = known[place.segment].read_bytes()
    if place.offset > len(data):
        raise PlaceUnknown(
            f"the database says that {known[place.segment]} is drained up to byte "
            f"{place.offset}, and it ends at {len(data)}: this is not the journal that was "
            "drained, or its end is lost. Restore it, or see docs/runbooks/journal.md."
        )
    ahead = next(decode(identity.journal, data[place.offset :]), None)
    if ahead is None or isinstance(ahead, Whole):
        return
    data = data[HEADER_BYTES:]
    ends = {found.end for found in decode(identity.journal, data, offset=HEADER_BYTES)}
    if place.offset not in ends:
        raise PlaceUnknown(
            f"the database says that {known[place.segment]} is drained up to byte "
            f"{place.offset}, which is inside a frame. See docs/runbooks/journal.md."
        )


def _found(directory: Path, place: Place, known: dict[int, Path]) -> Place:
    """Return the place to read from; the beginning is the oldest segment that is kept."""
    if place == Place():
        return Place(min(known), HEADER_BYTES) if known else Place()
    if place.segment not in known:
        raise PlaceUnknown(_missing(directory, place.segment))
    return place


def _missing(directory: Path, segment: int) -> str:
    return (
        f"{segment_path(directory, segment)} is missing, and it was not drained to its end. "
        "Pings in it are not in the database. Restore it, or see docs/runbooks/journal.md."
    )


def _chunk(known: dict[int, Path], place: Place, until: Place | None, chunk_bytes: int) -> _Chunk:
    is_last = place.segment == max(known)
    with known[place.segment].open("rb") as file:
        if until is None:
            os.fdatasync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        stop = until.offset if until is not None and until.segment == place.segment else size
        file.seek(place.offset)
        data = file.read(min(max(stop - place.offset, 0), chunk_bytes))
    reaches_end = place.offset + len(data) >= min(stop, size)
    is_final = not is_last or until is not None
    return _Chunk(place, data, reaches_end, is_final)


def _take(batch: Batch, directory: Path, identity: Identity, chunk: _Chunk) -> None:
    end_of_data = chunk.place.offset + len(chunk.data)
    for found in decode(identity.journal, chunk.data, offset=chunk.place.offset):
        if batch.is_full():
            return
        if isinstance(found, Whole):
            batch.size_bytes += found.end - batch.end.offset
            batch.end = Place(chunk.place.segment, found.end)
            batch.entries.append((found.entry, batch.end))
            continue
        if found.end == end_of_data and not (chunk.reaches_end and chunk.is_final):
            return  # the rest of this frame may be in the next chunk, or yet to be written
        size = found.end - found.start
        bad = chunk.data[found.start - chunk.place.offset : found.end - chunk.place.offset]
        _keep_aside(directory, chunk.place.segment, found.start, bad)
        batch.damaged_bytes += size
        batch.end = Place(chunk.place.segment, found.end)


def _keep_aside(directory: Path, segment: int, offset: int, data: bytes) -> None:
    """Keep bytes that are no whole frame: torn ones at a crash, or damage of the disk."""
    aside = directory / "damaged" / f"{segment:016d}-{offset}"
    if aside.exists():
        return
    aside.parent.mkdir(exist_ok=True)
    aside.write_bytes(data)
    log.error(
        "journal damage passed over segment=%d offset=%d bytes=%d", segment, offset, len(data)
    )
