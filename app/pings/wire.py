"""What receivers and the drain of a server say to each other over a local socket.

Messages are msgpack arrays behind a length (u32, little-endian). Bytes that do
not arrive, or arrive late, cost time and never a ping: the journal has them.

    receiver -> drain   (HELLO, journal, slot)            who is speaking, first
                        (END, segment, offset, time)      on disk up to here is every ping
                                                          that was received before `time`
    drain -> receiver   (DRAINED, segment, offset)        applied up to here
                        (VERDICTS, [(segment, offset, verdict), ...])
                        (DIRECTORY, changes)              directory.Changes, packed
                        (TICK,)                           say END now
                        (FIGURES, [sample, ...])          metrics.samples, packed; once a second

Times are microseconds since 1970, UTC.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import msgpack

_LENGTH = struct.Struct("<I")
MOST_BYTES = 2**30


class Say(IntEnum):
    """The kinds of messages."""

    HELLO = 1
    END = 2
    DRAINED = 3
    VERDICTS = 4
    DIRECTORY = 5
    TICK = 6
    FIGURES = 7


class Verdict(IntEnum):
    """What became of a ping whose target the receiver did not know."""

    EXISTS = 1
    CREATED = 2
    NOT_FOUND = 3
    AMBIGUOUS = 4


def pack(*message: Any) -> bytes:
    """Return the bytes of a message."""
    body: bytes = msgpack.packb(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Collects bytes and yields the messages that are whole. ValueError for nonsense."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """Add bytes and yield what became whole."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MOST_BYTES:
                raise ValueError(f"message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield tuple(msgpack.unpackb(body, use_list=False))
