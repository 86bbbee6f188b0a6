"""Pings that came before: a job sends the same bytes each time, but for its check's code.

The parser stays the only judge of a request. What it has taken for a ping is
remembered by the bytes of its head without the code; bytes that are the same
again mean the same again, and need no parser. Anything else goes its usual way.
"""

import binascii
import re
from dataclasses import dataclass
from uuid import UUID

from app.checks.state import Event
from app.pings import protocol
from app.pings.bodies import SMALL_BYTES
from app.pings.exchange import Exchange
from app.pings.frames import Template
from app.pings.protocol import Request

MOST_HEADS = 4_096  # remembered in each of two generations
MOST_HEAD_BYTES = 1_024
_CODE = re.compile(rb"[A-Z]+ /ping/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_END_OF_HEAD = b"\r\n\r\n"
# A body whose length is not known, a client that waits to be asked for it, another protocol.
_NEVER = {b"transfer-encoding", b"expect", b"upgrade"}

# None: came once, and is not worth the work yet.
_Heads = dict[tuple[str, bytes], "Like | None"]


@dataclass(frozen=True, slots=True)
class Like:
    """What all pings with the same head have in common. `ok` is their whole answer."""

    template: Template
    body_bytes: int
    keep_alive: bool
    is_head: bool
    ok: bytes


class Recurring:
    """Remembers heads, at most 2 * MOST_HEADS: those not seen again are forgotten first."""

    def __init__(self, journal: UUID, body_limit: int) -> None:
        self._journal, self._body_limit = journal, body_limit
        self._young: _Heads = {}
        self._old: _Heads = {}

    def find(self, peer: str, data: bytes) -> tuple[Like, bytes, bytes] | None:
        """Return what a whole request from `peer` is like, its check's code and its body."""
        found = _CODE.match(data)
        if found is None:
            return None
        begin, end = found.span(1)
        size = data.find(_END_OF_HEAD, end) + 4
        if size == len(data):
            head, body = data[:begin] + data[end:], b""
        else:
            head, body = data[:begin] + data[end:size], data[size:]
        like = self._young.get((peer, head)) or self._again(peer, head)
        if like is None or len(body) != like.body_bytes:
            return None
        return like, binascii.unhexlify(data[begin:end].replace(b"-", b"")), body

    def learn(
        self, peer: str, data: bytes, exchange: Exchange, ping: Request, event: Event
    ) -> None:
        """Remember a request, when `data` is all of it and nothing else.

        One with a run id of its own is never the same again, and a large body waits for room.
        """
        found = _CODE.match(data)
        head, end_of_head, body = data.partition(_END_OF_HEAD)
        if found is None or ping.fault or ping.rid or len(head) > MOST_HEAD_BYTES:
            return
        is_here = data.startswith(b"%b %b HTTP/1." % (exchange.method.encode(), exchange.url))
        # A line for each header: nothing in it is folded, or the end of an earlier request.
        is_plain = head.count(b"\n") == head.count(b"\r\n") == len(exchange.headers)
        is_whole = end_of_head and body == event.body and len(body) <= SMALL_BYTES
        if not (is_here and is_plain and is_whole):
            return
        if any(name in _NEVER for name, _ in exchange.headers):
            return
        begin, end = found.span(1)
        key = peer, head[:begin] + head[end:] + end_of_head
        self._remember(key, self._like(exchange, event) if key in self._young else None)

    def _like(self, exchange: Exchange, event: Event) -> Like:
        is_head = exchange.method == "HEAD"
        ok = protocol.answer_bytes(
            protocol.OK,
            body_limit=self._body_limit,
            keep_alive=exchange.keep_alive,
            is_head=is_head,
        )
        template = Template(self._journal, event)
        return Like(template, len(event.body), exchange.keep_alive, is_head, ok)

    def _again(self, peer: str, head: bytes) -> Like | None:
        """Look among those that were not seen since `_young` was full; bring it back."""
        key = peer, head
        if key not in self._old:
            return None
        like = self._old.pop(key)
        self._remember(key, like)
        return like

    def _remember(self, key: tuple[str, bytes], like: Like | None) -> None:
        if len(self._young) >= MOST_HEADS:
            self._old, self._young = self._young, {}
        self._young[key] = like
