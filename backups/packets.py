"""OpenPGP packets at the head of what gpg encrypted: who may decrypt it, and where data begins.

Pure. An encrypted file begins with a public-key encrypted session key packet (PKESK,
tag 1) for each recipient, each with the same session key; then comes one packet with
the data and its integrity check (tag 18, or 20 of newer programs). Formats: RFC 4880,
sections 4.2, 5.1 and 5.13.
"""

from collections.abc import Iterator
from dataclasses import dataclass

# Behind the PKESKs, so that gpg sees that data follows, and of which kind.
HEAD_MARGIN_BYTES = 64
# More than sixteen recipients with 4096-bit RSA need.
MOST_HEAD_BYTES = 16_384

_SESSION_KEY_FOR = 1
_SEALED_DATA = (18, 20)


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet's header: bytes [start, body) are the header, [body, end) its content."""

    tag: int
    body: int
    end: int | None  # None: of partial or unknown length


def head(data: bytes) -> bytes:
    """Return the PKESKs and the bytes behind them, out of the first bytes of a file.

    ValueError for what is no file encrypted to public keys with an integrity check,
    or when `data` ends before its session keys do.
    """
    return data[: _data_starts(data) + HEAD_MARGIN_BYTES]


def sample(data: bytes) -> bytes:
    """Return a head as a whole file with which gpg finds the session key; errors as `head`.

    What gpg wrote to a pipe has its data in blocks, each with its own length, and gpg gives
    up before it says the session key when the first block is cut. So the data gets one
    length that is true for what there is of it; that it then proves wrong comes later.
    """
    starts = _data_starts(data)
    sealed = _packet_at(data, starts)
    rest = data[sealed.body :]
    return data[:starts] + bytes((0xC0 | sealed.tag, 0xFF)) + len(rest).to_bytes(4, "big") + rest


def recipients(data: bytes) -> tuple[str, ...]:
    """Return the ids of the (sub)keys that can decrypt, 16 hex digits each; errors as `head`."""
    bodies = [data[one.body : one.end] for one in _leading(data) if one.tag == _SESSION_KEY_FOR]
    # Version, eight bytes of key id, algorithm.
    if any(len(body) < 10 or body[0] != 3 for body in bodies):
        raise ValueError("a session key packet of another version than 3")
    return tuple(body[1:9].hex().upper() for body in bodies)


def _data_starts(data: bytes) -> int:
    ends = [one.end for one in _leading(data) if one.tag == _SESSION_KEY_FOR]
    if not ends or ends[-1] is None:
        raise ValueError("not encrypted to any public key")
    return ends[-1]


def _leading(data: bytes) -> Iterator[Packet]:
    """Give the headers up to the one of the data, which is the last."""
    start = 0
    while True:
        packet = _packet_at(data, start)
        yield packet
        if packet.tag in _SEALED_DATA:
            return
        if packet.tag != _SESSION_KEY_FOR or packet.end is None:
            raise ValueError(f"not encrypted to public keys alone: a packet with tag {packet.tag}")
        start = packet.end


def _packet_at(data: bytes, start: int) -> Packet:
    try:
        first = data[start]
        if not first & 0x80:
            raise ValueError("not made by gpg: no packet where one has to begin")
        return _new(data, start) if first & 0x40 else _old(data, start)
    except IndexError:
        raise ValueError("ends before its session keys do") from None


def _new(data: bytes, start: int) -> Packet:
    tag, length = data[start] & 0x3F, data[start + 1]
    if length < 192:
        return _packet(tag, start + 2, length)
    if length < 224:
        return _packet(tag, start + 3, ((length - 192) << 8) + data[start + 2] + 192)
    if length == 255:
        return _packet(tag, start + 6, _number(data, start + 2, 4))
    return Packet(tag, start + 2, None)


def _old(data: bytes, start: int) -> Packet:
    tag, kind = (data[start] & 0x3C) >> 2, data[start] & 3
    if kind == 3:
        return Packet(tag, start + 1, None)
    width = 1 << kind
    return _packet(tag, start + 1 + width, _number(data, start + 1, width))


def _packet(tag: int, body: int, length: int) -> Packet:
    return Packet(tag, body, body + length)


def _number(data: bytes, start: int, width: int) -> int:
    if len(data) < start + width:
        raise IndexError
    return int.from_bytes(data[start : start + width], "big")
