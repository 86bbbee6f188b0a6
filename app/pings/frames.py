r"""How a ping is written into a journal: frames with a length and a checksum. Pure.

    segment  = header, frame, frame, ...
    header   = 8 bytes "SHJRNL2\n", journal id (16), segment (u32), slot (u32), where the
               segment before ended (u32, 0 when not known), CRC-32 (u32)
    frame    = 4 bytes magic, length (u32), CRC-32 (u32) of length and payload, payload

Numbers are little-endian. The payload is a msgpack array (`Entry`). A frame's
checksum starts from its journal's random id, so that a frame that somebody sent
inside a ping's body is never taken for one of ours when damage is skipped.
"""

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgpack

from app.checks.state import Action, Event
from app.frozen import frozen
from app.pings.protocol import Slug

MAGIC = b"\xf5\x53\x48\x31"
_FRAME = struct.Struct("<4sII")
_HEADER = struct.Struct("<8s16sIII")
_CRC = struct.Struct("<I")
# The first three items of an entry of a check's code, as msgpack writes them: an array
# of 12, the version 1, a time of 8 bytes, 16 bytes.
_START = struct.Struct(">3sQ2s16s")
_START_OF_ENTRY, _START_OF_CODE, _FLAGS_OF_KNOWN = b"\x9c\x01\xcf", b"\xc4\x10", b"\x01"
_ARRAY_OF_REST = b"\x99"
_SHORT_BYTES = 256  # of a payload whose rest is worth remembering: it has hardly a body
_SEGMENT_MAGIC = b"SHJRNL2\n"
HEADER_BYTES = _HEADER.size + _CRC.size
FRAME_BYTES = _FRAME.size
MOST_FRAME_BYTES = 2**20  # a body has at most 1,000,000 bytes, the rest a few hundred
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@frozen
class Entry:
    """One ping in the journal. `target` is a check's code, its 16 bytes, or names it by a slug.

    `known`: the directory knew the target when the ping came. `create`: the
    check may be made. `asks`: the receiver waits for the drain's verdict.
    """

    target: bytes | Slug
    event: Event
    known: bool = True
    create: bool = False
    asks: bool = False


@frozen
class Whole:
    """A frame that is whole: its entry and the offset behind it."""

    entry: Entry
    end: int


@frozen
class Damaged:
    """Bytes [start, end) that are no whole frame; what follows is one, or the end."""

    start: int
    end: int


def segment_header(journal: UUID, slot: int, segment: int, before_ended: int = 0) -> bytes:
    """Return the first bytes of a segment; `before_ended`: where the one before it ended."""
    known = before_ended if before_ended < 2**32 else 0
    packed = _HEADER.pack(_SEGMENT_MAGIC, journal.bytes, segment, slot, known)
    return packed + _CRC.pack(zlib.crc32(packed))


def before_ended(journal: UUID, segment: int, header: bytes) -> int:
    """Return where the segment before this one ended, 0 when its header does not say."""
    if len(header) < HEADER_BYTES:
        return 0
    magic, whose, number, _, ended = _HEADER.unpack_from(header)
    is_whole = zlib.crc32(header[: _HEADER.size]) == _CRC.unpack_from(header, _HEADER.size)[0]
    is_ours = (magic, whose, number) == (_SEGMENT_MAGIC, journal.bytes, segment)
    return int(ended) if is_whole and is_ours else 0


def encode(journal: UUID, entry: Entry, *, received_at_us: int | None = None) -> bytes:
    """Return the frame of an entry in that journal.

    `received_at_us` (microseconds since 1970) is taken instead of the event's time.
    """
    event, target = entry.event, entry.target
    payload: bytes = msgpack.packb(
        (
            1,
            (event.received_at - _EPOCH) // _US if received_at_us is None else received_at_us,
            target if isinstance(target, bytes) else (target.key_digest, target.slug),
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


class Template:
    """Makes the frames of pings that differ only in time, check and body; checks are known.

    What they have in common is packed once: it is most of the work of `encode`.
    """

    __slots__ = ("_empty", "_empty_bytes", "_journal", "_like", "_seed")

    def __init__(self, journal: UUID, event: Event) -> None:
        self._journal = journal.bytes
        like = (
            event.action.value,
            event.exit_status,
            event.rid.bytes if event.rid else None,
            event.scheme,
            event.method,
            event.remote_addr,
            event.user_agent,
        )
        self._like: bytes = msgpack.packb(like)[1:]  # without the array's own header
        self._empty = self._end(b"")
        self._empty_bytes = _START.size + len(self._empty)
        self._seed = _seed(self._journal, self._empty_bytes)

    def frame(self, received_at_us: int, code: bytes, body: bytes) -> bytes:
        """Return what `encode` makes of such a ping, or bytes that decode to the same entry."""
        start = _START.pack(_START_OF_ENTRY, received_at_us, _START_OF_CODE, code)
        if not body:
            payload = start + self._empty
            checksum = zlib.crc32(payload, self._seed)
            return _FRAME.pack(MAGIC, self._empty_bytes, checksum) + payload
        payload = start + self._end(body)
        checksum = zlib.crc32(payload, _seed(self._journal, len(payload)))
        return _FRAME.pack(MAGIC, len(payload), checksum) + payload

    def _end(self, body: bytes) -> bytes:
        packed: bytes = msgpack.packb(body)
        return self._like + packed + _FLAGS_OF_KNOWN


def _checksum(journal: UUID, payload: bytes) -> int:
    return zlib.crc32(payload, _seed(journal.bytes, len(payload)))


@lru_cache(maxsize=4_096)
def _seed(journal: bytes, size: int) -> int:
    return zlib.crc32(journal + _CRC.pack(size))


def decode(journal: UUID, data: bytes, *, offset: int = 0) -> Iterator[Whole | Damaged]:
    """Yield the frames of `data`, which stands at `offset` of its segment.

    Behind damage the next whole frame is searched for. Damage that reaches the
    end of `data` is yielded too: the caller knows whether more may come.
    """
    place, mine = 0, journal.bytes
    while place < len(data):
        payload = _payload(mine, data, place)
        if payload is None:
            after = _next_whole(mine, data, place)
            yield Damaged(offset + place, offset + after)
            place = after
            continue
        place += FRAME_BYTES + len(payload)
        yield Whole(_entry(payload), offset + place)


def last_whole(journal: UUID, data: bytes, *, begins_before: int) -> int | None:
    """Return where the last whole frame ends that begins before an offset, None without one."""
    place = begins_before
    while (place := data.rfind(MAGIC, 0, place + len(MAGIC) - 1)) >= 0:
        payload = _payload(journal.bytes, data, place)
        if payload is not None:
            return place + FRAME_BYTES + len(payload)
    return None


def frame_size(data: bytes, place: int) -> int:
    """Return how long the frame at `place` says that it is; 0 when none begins there."""
    magic, length, _ = _FRAME.unpack_from(data, place)
    return FRAME_BYTES + int(length) if magic == MAGIC else 0


def _payload(journal: bytes, data: bytes, place: int) -> bytes | None:
    if len(data) - place < FRAME_BYTES:
        return None
    magic, length, checksum = _FRAME.unpack_from(data, place)
    end = place + FRAME_BYTES + length
    if magic != MAGIC or end > len(data) or length > MOST_FRAME_BYTES - FRAME_BYTES:
        return None
    payload = data[place + FRAME_BYTES : end]
    return payload if zlib.crc32(payload, _seed(journal, length)) == checksum else None


def _next_whole(journal: bytes, data: bytes, place: int) -> int:
    while True:
        place = data.find(MAGIC, place + 1)
        if place < 0:
            return len(data)
        if _payload(journal, data, place) is not None:
            return place


def _entry(payload: bytes) -> Entry:
    if _START.size < len(payload) <= _SHORT_BYTES:
        version, at, kind, code = _START.unpack_from(payload)
        if version == _START_OF_ENTRY and kind == _START_OF_CODE:
            said, flags = _rest(payload[_START.size :])
            return Entry(code, Event(_EPOCH + at * _US, *said), *flags)
    _, at, target, *rest = msgpack.unpackb(payload)
    said, flags = _meant(rest)
    code = target if isinstance(target, bytes) else Slug(*target)
    return Entry(code, Event(_EPOCH + at * _US, *said), *flags)


@lru_cache(maxsize=8_192)
def _rest(packed: bytes) -> tuple[tuple[Any, ...], tuple[bool, bool, bool]]:
    """Return what a ping says besides its time and check: most clients say the same each time."""
    return _meant(msgpack.unpackb(_ARRAY_OF_REST + packed))


def _meant(rest: list[Any]) -> tuple[tuple[Any, ...], tuple[bool, bool, bool]]:
    """Return an event's fields behind its time, and an entry's behind its event."""
    action, status, rid, *where, body, flags = rest
    said = Action(action), status, UUID(bytes=rid) if rid else None, *where, body
    return said, (bool(flags & 1), bool(flags & 2), bool(flags & 4))
