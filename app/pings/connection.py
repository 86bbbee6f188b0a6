"""One client's HTTP connection: answers in the order of the requests, bounded everywhere.

A request for a ping or for health is answered here; any other goes to the pages
through a relay. What a client may cost: HEAD_BYTES for a request line and its
headers, the body limit for a body (the rest is read away), PIPELINED requests
at a time, REQUEST_SECONDS from a request's first byte to its last.
"""

import asyncio
import logging
import time
from collections import deque
from functools import partial
from typing import Protocol, cast

from app.checks.state import Event
from app.env import Network
from app.pings import exchange as exchanges
from app.pings import protocol
from app.pings.exchange import Exchange, Health
from app.pings.protocol import Answer, Request
from app.pings.recurring import Like
from app.pings.relay import Relay
from app.pings.request_parser import RefusedError, RequestParser

log = logging.getLogger(__name__)

PIPELINED = 64
REQUEST_SECONDS = 60
IDLE_SECONDS = 75
LINGER_SECONDS = 2


class Server(Protocol):
    """What a connection needs of its receiver."""

    body_limit: int
    trusted: tuple[Network, ...]
    pages_socket: str | None

    idle_deadline: float  # monotonic, coarse: now and IDLE_SECONDS

    def take(self, request: Request, event: Event, answered: "Answering") -> None:
        """Take a ping (intake.Intake.take)."""

    def take_again(self, peer: str, data: bytes, answered: "Answering") -> Like | None:
        """Take a ping that is like one before; None when `data` is not just that."""

    def learn(self, peer: str, data: bytes, asked: Exchange, ping: Request, event: Event) -> None:
        """Remember a ping, for `take_again`."""

    async def health(self, name: str) -> Answer:
        """Answer a request below HEALTH_PREFIX."""

    def refused(self, answer: Answer, url: bytes = b"") -> None:
        """Note a request that is answered with an error."""

    def reserve(self, size: int) -> bool:
        """Reserve memory for a body; False when too much is held already."""

    def release(self, size: int) -> None:
        """Give back what was reserved."""

    def opened(self, connection: "Connection") -> bool:
        """Note a connection; False when there are too many."""

    def closed(self, connection: "Connection") -> None:
        """Forget a connection."""


class Answering(Protocol):
    """Called once with the answer."""

    def __call__(self, answer: Answer, /) -> None:
        """Take the answer."""


class Connection(asyncio.Protocol):
    """Takes requests from its parser and writes the answers in order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = RequestParser(self)
        self._packed = partial(exchanges.packed, body_limit=server.body_limit)
        self._transport: asyncio.Transport
        self._peer = ""
        self._exchanges: deque[Exchange] = deque()
        self._again: Like | None = None  # a ping like one before, not answered yet
        self._received = b""  # what is being parsed, from between two requests on
        self._reserved = 0
        self._ending = False  # what still comes is not read
        self._finishing = False  # the request under way is the last one
        self._lingering = False  # refused, and the client is still sending
        self.deadline = time.monotonic() + REQUEST_SECONDS

    # --- asyncio.Protocol -------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._server.opened(self):
            self._refuse(Answer(503, "too many connections", retry_after_seconds=5))

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.closed(self)
        self._server.release(self._reserved)
        self._reserved, self._ending = 0, True
        for exchange in self._exchanges:
            if exchange.relay is not None:
                exchange.relay.abandon()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        self._received = b""
        if not self._exchanges and self._again is None and self._parser.is_between_requests:
            if again := self._server.take_again(self._peer, data, self._answered_again):
                self._again, self._ending = again, not again.keep_alive
                self.deadline = self._server.idle_deadline
                return
            self.deadline = time.monotonic() + REQUEST_SECONDS
            self._received = data
        try:
            self._parser.feed(data)
        except RefusedError as error:
            self._refuse(error.answer)

    def eof_received(self) -> bool:
        # Answers to what was asked still go out; half a request gets none.
        self._ending, self._lingering = True, False
        return self._is_asked and self._parser.request is None

    def pause_writing(self) -> None:
        self._transport.pause_reading()
        if relay := self._relay:
            relay.pause()

    def resume_writing(self) -> None:
        if relay := self._relay:
            relay.resume()
        if len(self._exchanges) < PIPELINED:
            self._transport.resume_reading()

    # --- request_parser.Handler -------------------------------------------------

    def head_complete(self, request: Exchange) -> None:
        """Take a request; one for a page begins at once, its body may be long."""
        if request.header(b"expect").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._exchanges.append(request)
        if self._server.pages_socket and request.is_for_pages:
            head = exchanges.relay_head(request, self._peer, self._server.trusted)
            request.relay = Relay(head, self._server.pages_socket, self._transport)
            self._flush()

    def body_part(self, request: Exchange, body: bytes) -> None:
        """Keep a ping's body up to the limit; pass a form on."""
        if request.relay is not None:
            request.relay.feed(body)
            return
        kept = body[: max(self._server.body_limit - len(request.body), 0)]
        if kept and not self._server.reserve(len(kept)):
            raise RefusedError(protocol.BUSY)
        self._reserved += len(kept)
        request.body += kept

    def complete(self, request: Exchange) -> bool:
        """Do what the request asks for."""
        self.deadline = time.monotonic() + IDLE_SECONDS
        is_last = self._finishing or not request.keep_alive or request.relay is not None
        if is_last:
            request.keep_alive, self._ending = False, True
        if request.relay is not None:
            request.relay.end()
        else:
            self._handle(request)
        if len(self._exchanges) >= PIPELINED:
            self._transport.pause_reading()
        return not is_last

    def _handle(self, request: Exchange) -> None:
        """Handle it; a fault of ours must not leave the client without an answer."""
        answered = partial(self._answered, request)
        try:
            asked = exchanges.meaning(request, self._peer, self._server.trusted)
            if isinstance(asked, Answer):
                answered(asked)
            elif isinstance(asked, Health):
                task = asyncio.get_running_loop().create_task(self._server.health(asked.name))
                task.add_done_callback(lambda done: answered(done.result()))
            else:
                event = exchanges.event(request, asked, self._peer, self._server.trusted)
                self._server.learn(self._peer, self._received, request, asked, event)
                self._server.take(asked, event, answered)
        except Exception:
            log.exception("request not handled url=%r", request.url[:200])
            answered(Answer(500, "this is our fault; send it again"))

    # --- answers, in order ------------------------------------------------------

    @property
    def _relay(self) -> Relay | None:
        """Return the relay whose answer is the next in order."""
        return self._exchanges[0].relay if self._exchanges else None

    @property
    def _is_asked(self) -> bool:
        """Return True while an answer is owed."""
        return self._again is not None or bool(self._exchanges)

    def _answered_again(self, answer: Answer) -> None:
        """Write the answer to a ping that was like one before: it is the first in order."""
        like, self._again = self._again, None
        if like is None or self._transport.is_closing():
            return
        if answer is protocol.OK:
            self._transport.write(like.ok)
        else:
            self._server.refused(answer)
            self._transport.write(self._packed(answer, like))
        if self._ending or self._exchanges:
            self._flush()

    def _answered(self, exchange: Exchange, answer: Answer) -> None:
        if answer.status >= 400:
            self._server.refused(answer, exchange.url)
        exchange.answer = self._packed(answer, exchange)
        size = len(exchange.body) if self._reserved else 0
        exchange.body = bytearray()
        self._server.release(size)
        self._reserved -= size
        self._flush()

    def _flush(self) -> None:
        if self._transport.is_closing() or self._again is not None:
            return
        was_full = len(self._exchanges) >= PIPELINED
        while self._exchanges and self._exchanges[0].answer is not None:
            self._transport.write(self._exchanges.popleft().answer or b"")
        if relay := self._relay:
            relay.start()
        elif self._lingering and not self._exchanges:
            # Closing with input unread would reset the connection, and the client
            # would not see why it was refused.
            self._transport.write_eof()
            self.deadline = time.monotonic() + LINGER_SECONDS
        elif self._ending and not self._exchanges:
            self._transport.close()
        if was_full and len(self._exchanges) < PIPELINED and not self._ending:
            self._transport.resume_reading()

    def expire(self, now: float) -> None:
        """Close when the deadline has passed: 408 in mid-request, silently when idle."""
        if now < self.deadline or self._transport.is_closing():
            return
        if not self._ending and not self._parser.is_between_requests:
            self._refuse(Answer(408, "the request took too long"))
        elif not self._is_asked:
            self._transport.close()
        elif self._relay is None:
            self._transport.abort()  # nobody will answer any more

    def finish(self) -> None:
        """Take no more requests; close when all answers are out."""
        self._finishing = True
        if self._parser.request is None:
            self._ending = True
            if not self._is_asked:
                self._transport.close()

    def _refuse(self, answer: Answer) -> None:
        """Answer what cannot be a request, after what was asked before, and close."""
        self._ending = self._lingering = True
        request = self._parser.request
        if request is not None and request.relay is not None:
            request.relay.abandon()
            self._transport.close()
            return
        if request is None or not self._exchanges or self._exchanges[-1] is not request:
            request = Exchange()
            self._exchanges.append(request)
        request.keep_alive = False
        self._answered(request, answer)
