r"""How a ping is written into a journal: frames with a length and a checksum. Pure.

    segment  = header, frame, frame, ...
    header   = 8 bytes "SHJRNL1\n", journal id (16), segment (u64), slot (u32), CRC-32 (u32)
    frame    = 4 bytes magic, length (u32), CRC-32 (u32) of length and payload, payload

Numbers are little-endian. The payload is a msgpack array (`Entry`). A frame's
checksum starts from its journal's random id, so that a frame that somebody sent
inside a ping's body is never taken for one of ours when damage is skipped.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgpack

from app.checks.state import Action, Event
from app.pings.protocol import Slug

MAGIC = b"\xf5\x53\x48\x31"
_FRAME = struct.Struct("<4sII")
_HEADER = struct.Struct("<8s16sQI")
_CRC = struct.Struct("<I")
_SEGMENT_MAGIC = b"SHJRNL1\n"
HEADER_BYTES = _HEADER.size + _CRC.size
FRAME_BYTES = _FRAME.size
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One ping in the journal.

    `known`: the directory knew the target when the ping came. `create`: the
    check may be made. `asks`: the receiver waits for the drain's verdict.
    """

    target: UUID | Slug
    event: Event
    known: bool = True
    create: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """A frame that is whole: its entry and the offset behind it."""

    entry: Entry
    end: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes [start, end) that are no whole frame; what follows is one, or the end."""

    start: int
    end: int


def segment_header(journal: UUID, slot: int, segment: int) -> bytes:
    """Return the first bytes of a segment."""
    packed = _HEADER.pack(_SEGMENT_MAGIC, journal.bytes, segment, slot)
    return packed + _CRC.pack(zlib.crc32(packed))


def encode(journal: UUID, entry: Entry) -> bytes:
    """Return the frame of an entry in that journal."""
    event, target = entry.event, entry.target
    payload: bytes = msgpack.packb(
        (
            1,
            (event.received_at - _EPOCH) // _US,
            target.bytes if isinstance(target, UUID) else (target.key_digest, target.slug),
            event.action.value,
            event.exit_status,
            event.rid.bytes if event.rid else None,
            event.scheme,
            event.method,
            event.remote_addr,
            event.user_agent,
            event.body,
            entry.known | entry.create << 1 | entry.asks << 2,
        )
    )
    return _FRAME.pack(MAGIC, len(payload), _checksum(journal, payload)) + payload


def _checksum(journal: UUID, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(journal.bytes + _CRC.pack(len(payload))))


def decode(journal: UUID, data: bytes, *, offset: int = 0) -> Iterator[Whole | Damaged]:
    """Yield the frames of `data`, which stands at `offset` of its segment.

    Behind damage the next whole frame is searched for. Damage that reaches the
    end of `data` is yielded too: the caller knows whether more may come.
    """
    place = 0
    while place < len(data):
        found = _frame(journal, data, place)
        if found is None:
            after = _next_whole(journal, data, place)
            yield Damaged(offset + place, offset + after)
            place = after
            continue
        place = found[1]
        yield Whole(found[0], offset + place)


def frame_size(data: bytes, place: int) -> int:
    """Return how long the frame at `place` says that it is; 0 when none begins there."""
    magic, length, _ = _FRAME.unpack_from(data, place)
    return FRAME_BYTES + int(length) if magic == MAGIC else 0


def _frame(journal: UUID, data: bytes, place: int) -> tuple[Entry, int] | None:
    if len(data) - place < FRAME_BYTES:
        return None
    magic, length, checksum = _FRAME.unpack_from(data, place)
    end = place + FRAME_BYTES + length
    if magic != MAGIC or end > len(data):
        return None
    payload = data[place + FRAME_BYTES : end]
    if _checksum(journal, payload) != checksum:
        return None
    return _entry(payload), end


def _next_whole(journal: UUID, data: bytes, place: int) -> int:
    while True:
        place = data.find(MAGIC, place + 1)
        if place < 0:
            return len(data)
        if _frame(journal, data, place) is not None:
            return place


def _entry(payload: bytes) -> Entry:
    _, at, target, action, status, rid, scheme, method, address, agent, body, flags = (
        msgpack.unpackb(payload)
    )
    event = Event(
        received_at=_EPOCH + at * _US,
        action=Action(action),
        exit_status=status,
        rid=UUID(bytes=rid) if rid else None,
        scheme=scheme,
        method=method,
        remote_addr=address,
        user_agent=agent,
        body=body,
    )
    where = UUID(bytes=target) if isinstance(target, bytes) else Slug(*target)
    return Entry(where, event, bool(flags & 1), bool(flags & 2), bool(flags & 4))
