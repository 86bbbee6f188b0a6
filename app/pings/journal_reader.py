"""The reading end of a journal: this is where the drain gets its batches.

JournalError
└── PlaceUnknown   the place is beyond the journal, inside a frame, or its segment is missing
"""

import os
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from app.pings import damage
from app.pings.damage import Damage
from app.pings.frames import (
    HEADER_BYTES,
    MOST_FRAME_BYTES,
    Entry,
    Whole,
    before_ended,
    decode,
    last_whole,
)
from app.pings.journal import Identity, JournalError, Place, segment_path, segments

CHUNK_BYTES = 2**20
MOST_BYTES = 32 * 2**20


class PlaceUnknown(JournalError):
    """The database knows a place that this journal does not have: never skip, ask a person."""


@dataclass(slots=True)
class Batch:
    """What was read: entries, each with the place behind it; `end` is behind all of it.

    `damaged` is what was passed over; it was reported, and kept aside.
    """

    start: Place
    end: Place
    entries: list[tuple[Entry, Place]] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    size_bytes: int = 0
    most_entries: int = 2_000
    most_bytes: int = MOST_BYTES

    def take(self, found: Whole, segment: int) -> None:
        """Take a frame in; it begins where the batch ends, or behind damage."""
        self.size_bytes += found.end - self.end.offset
        self.end = Place(segment, found.end)
        self.entries.append((found.entry, self.end))

    def is_full(self) -> bool:
        """Return True when no more is to be read into it."""
        return len(self.entries) >= self.most_entries or self.size_bytes >= self.most_bytes

    @property
    def damaged_bytes(self) -> int:
        """Return how many bytes of acknowledged pings are lost."""
        return sum(one.length for one in self.damaged)

    def newest(self) -> datetime | None:
        """Return when the last entry was received: no later one was received before it."""
        return self.entries[-1][0].event.received_at if self.entries else None


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
        segment = _segment(directory, identity, known, batch.end.segment, until)
        if not _take(batch, segment, chunk_bytes):
            break
        following = batch.end.segment + 1
        if batch.is_full() or following > last:
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
    if damage.ends_at(directory, place.segment, place.offset):
        return
    path = known[place.segment]
    begin = max(place.offset - MOST_FRAME_BYTES, HEADER_BYTES)
    with path.open("rb") as file:
        file.seek(begin)
        before = file.read(place.offset - begin)
        after = file.read(MOST_FRAME_BYTES)
    ends = last_whole(identity.journal, before, begins_before=len(before))
    if ends == len(before) == place.offset - begin or _begins_whole(identity.journal, after):
        return
    said = f"the database says that {path} is drained up to byte {place.offset}, "
    if after.strip(b"\0"):
        raise PlaceUnknown(f"{said}which is inside a frame. See docs/runbooks/journal.md.")
    there = path.stat().st_size if ends is None else begin + ends
    raise PlaceUnknown(
        f"{said}and it ends at {there}: this is not the journal that was drained, or its end is "
        "lost. Restore it, or see docs/runbooks/journal.md."
    )


def _begins_whole(journal: UUID, data: bytes) -> bool:
    return isinstance(next(decode(journal, data), None), Whole)


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


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment to read, up to `stop`.

    Everything before `acknowledged` has to be frames; None when that is not known.
    `is_final`: what is no whole frame will never become one. `is_synced`: what is there
    is on disk.
    """

    directory: Path
    path: Path
    journal: UUID
    number: int
    stop: int
    acknowledged: int | None
    is_final: bool
    is_synced: bool

    def read(self, file: BinaryIO, offset: int, size: int) -> bytes:
        """Return bytes from `offset` on, none from `stop` on; all of them are on disk."""
        file.seek(offset)
        data = file.read(min(max(self.stop - offset, 0), size))
        if data and not self.is_synced:
            # Behind the read: a receiver that we do not hear may be writing all the while.
            os.fdatasync(file.fileno())
        return data


def _segment(
    directory: Path, identity: Identity, known: dict[int, Path], number: int, until: Place | None
) -> _Segment:
    path, following = known[number], known.get(number + 1)
    stop = path.stat().st_size
    acknowledged, is_final = None, until is not None or number != max(known)
    if until is not None and until.segment == number:
        acknowledged = until.offset
        stop = min(stop, acknowledged)
    elif following is not None:
        with following.open("rb") as file:
            said = before_ended(identity.journal, number + 1, file.read(HEADER_BYTES))
        acknowledged = said or None
    is_synced = until is not None
    return _Segment(
        directory, path, identity.journal, number, stop, acknowledged, is_final, is_synced
    )


def _take(batch: Batch, segment: _Segment, chunk_bytes: int) -> bool:
    """Take frames from the batch's end on; True when all of the segment is read."""
    at, bad = batch.end.offset, None  # bad: where damage begins whose end is not found yet
    with segment.path.open("rb") as file:
        while data := segment.read(file, at, chunk_bytes):
            end = go_on = at + len(data)
            for found in decode(segment.journal, data, offset=at):
                if batch.is_full():
                    return False
                if isinstance(found, Whole):
                    batch.take(found, segment.number)
                elif found.end < end:
                    _pass_over(batch, segment, found.start if bad is None else bad, found.end)
                    bad = None
                else:
                    # A frame that is cut off by the end of the chunk; none that begins
                    # before `go_on` is.
                    go_on = max(found.start, end - MOST_FRAME_BYTES)
                    if bad is None and (go_on > found.start or end >= segment.stop):
                        bad = found.start
                    if not segment.is_final and not data[found.start - at :].strip(b"\0"):
                        return False  # allocated, and not written yet
            if end >= segment.stop:
                break
            chunk_bytes *= 2 if go_on == at else 1
            at = go_on
        if segment.is_final:
            _close(batch, segment, batch.end.offset if bad is None else bad, file)
    return segment.is_final


def _pass_over(batch: Batch, segment: _Segment, begin: int, end: int) -> None:
    lost = Damage(segment.number, begin, end - begin)
    damage.report(segment.directory, segment.path, lost)
    batch.damaged.append(lost)
    batch.end = Place(segment.number, end)


def _close(batch: Batch, segment: _Segment, begin: int, file: BinaryIO) -> None:
    """Judge what is behind the last whole frame of a segment that nobody writes any more."""
    written = place = begin
    while block := segment.read(file, place, CHUNK_BYTES):
        written = place + len(block.rstrip(b"\0")) if block.strip(b"\0") else written
        place += len(block)
    # An end that nobody knows: what was written was acknowledged, as far as we can tell.
    acknowledged = written if segment.acknowledged is None else segment.acknowledged
    if begin < acknowledged:
        _pass_over(batch, segment, begin, acknowledged)
        begin = acknowledged
    if begin < written:
        torn = Damage(segment.number, begin, written - begin)
        damage.report_torn(segment.directory, segment.path, torn)
        batch.end = Place(segment.number, written)
