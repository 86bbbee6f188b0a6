"""One client's HTTP connection: parsed by httptools, answered in order, bounded everywhere.

A request for a ping or for health is answered here; any other goes to the pages
through a relay. What a client may cost: HEAD_BYTES for a request line and its
headers, the body limit for a body (the rest is read away), PIPELINED requests
at a time, REQUEST_SECONDS from a request's first byte to its last.
"""

import asyncio
import time
from collections import deque
from functools import partial
from typing import Protocol, cast

import httptools

from app.checks.state import Event
from app.env import Network
from app.pings import exchange as exchanges
from app.pings import protocol
from app.pings.exchange import Exchange, Health
from app.pings.protocol import Answer, Request
from app.pings.relay import Relay

HEAD_BYTES = 16 * 1024
MOST_HEADERS = 100
PIPELINED = 64
REQUEST_SECONDS = 60
IDLE_SECONDS = 75


class Server(Protocol):
    """What a connection needs of its receiver."""

    body_limit: int
    trusted: tuple[Network, ...]
    pages_socket: str | None

    def take(self, request: Request, event: Event, answered: "Answering") -> None:
        """Take a ping (intake.Intake.take)."""

    async def health(self, name: str) -> Answer:
        """Answer a request below HEALTH_PREFIX."""

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
    """Parses requests and writes answers in the order of the requests."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._peer = ""
        self._exchanges: deque[Exchange] = deque()
        self._request: Exchange | None = None
        self._head_bytes = 0
        self._in_head = True
        self._reserved = 0
        self._ending = False  # what still comes is not read
        self._finishing = False  # the request under way is the last one
        self.deadline = time.monotonic() + REQUEST_SECONDS

    # --- asyncio.Protocol -----------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._server.opened(self):
            self._refuse(Answer(503, "too many connections", retry_after_seconds=5))

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.closed(self)
        self._release()
        self._ending = True
        for exchange in self._exchanges:
            if exchange.relay is not None:
                exchange.relay.abandon()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        if not self._exchanges and self._request is None:
            self.deadline = time.monotonic() + REQUEST_SECONDS
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # An upgrade is not ours to give: the request counts, the rest does not.
            self._ending = True
        except _TooLargeError as error:
            self._refuse(error.answer)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _TooLargeError):
                self._refuse(cause.answer)
            else:
                self._refuse(Answer(400, "not a valid HTTP request"))
        if self._in_head and self._head_bytes > HEAD_BYTES and not self._ending:
            self._refuse(Answer(431, "request line and headers are too large"))

    def eof_received(self) -> bool:
        # Answers to what was asked still go out; half a request gets none.
        self._ending = True
        return bool(self._exchanges) and self._request is None

    def pause_writing(self) -> None:
        self._transport.pause_reading()
        if self._exchanges and self._exchanges[0].relay is not None:
            self._exchanges[0].relay.pause()

    def resume_writing(self) -> None:
        if self._exchanges and self._exchanges[0].relay is not None:
            self._exchanges[0].relay.resume()
        if len(self._exchanges) < PIPELINED:
            self._transport.resume_reading()

    # --- httptools ------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._request = Exchange()
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        assert self._request is not None
        self._request.url += url
        if len(self._request.url) > HEAD_BYTES // 2:
            raise _TooLargeError(Answer(414, "request line is too long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._request is not None
        self._request.headers.append((name.lower(), value))
        if len(self._request.headers) > MOST_HEADERS:
            raise _TooLargeError(Answer(431, "too many headers"))

    def on_headers_complete(self) -> None:
        request = self._request
        assert request is not None
        if request.head_bytes > HEAD_BYTES:
            raise _TooLargeError(Answer(431, "request line and headers are too large"))
        self._in_head, self._head_bytes = False, 0
        request.method = self._parser.get_method().decode("ascii", "replace")
        request.keep_alive = self._parser.should_keep_alive()
        if request.header(b"expect").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._exchanges.append(request)
        if self._server.pages_socket and request.is_for_pages:
            self._begin_relay(request, self._server.pages_socket)

    def on_body(self, body: bytes) -> None:
        request = self._request
        assert request is not None
        if request.relay is not None:
            request.relay.feed(body)
            return
        kept = body[: max(self._server.body_limit - len(request.body), 0)]
        if kept:
            self._reserve(len(kept))
            request.body += kept

    def on_message_complete(self) -> None:
        request, self._request = self._request, None
        assert request is not None
        self._in_head, self._head_bytes = True, 0
        self.deadline = time.monotonic() + IDLE_SECONDS
        if self._finishing or not request.keep_alive:
            request.keep_alive, self._ending = False, True
        if request.relay is not None:
            request.relay.end()
            self._ending = True
        else:
            self._handle(request)
        if len(self._exchanges) >= PIPELINED:
            self._transport.pause_reading()

    # --- what it means --------------------------------------------------------

    def _handle(self, request: Exchange) -> None:
        answered = partial(self._answered, request)
        asked = exchanges.meaning(request, self._peer, self._server.trusted)
        if isinstance(asked, Answer):
            answered(asked)
        elif isinstance(asked, Health):
            task = asyncio.get_running_loop().create_task(self._server.health(asked.name))
            task.add_done_callback(lambda done: answered(done.result()))
        else:
            event = exchanges.event(request, asked, self._peer, self._server.trusted)
            self._server.take(asked, event, answered)

    def _begin_relay(self, request: Exchange, pages_socket: str) -> None:
        head = exchanges.relay_head(request, self._peer, self._server.trusted)
        request.relay = Relay(head, pages_socket, self._transport)
        if self._exchanges[0] is request:
            request.relay.start()

    # --- answers, in order ----------------------------------------------------

    def _answered(self, exchange: Exchange, answer: Answer) -> None:
        exchange.answer = protocol.answer_bytes(
            answer,
            body_limit=self._server.body_limit,
            keep_alive=exchange.keep_alive and not self._is_last(exchange),
            is_head=exchange.method == "HEAD",
        )
        size = len(exchange.body)
        exchange.body = bytearray()
        self._server.release(size)
        self._reserved -= size
        self._flush()

    def _is_last(self, exchange: Exchange) -> bool:
        return self._ending and self._exchanges[-1] is exchange

    def _flush(self) -> None:
        if self._transport.is_closing():
            return
        was_full = len(self._exchanges) >= PIPELINED
        while self._exchanges and self._exchanges[0].answer is not None:
            self._transport.write(self._exchanges.popleft().answer or b"")
        if self._exchanges:
            relay = self._exchanges[0].relay
            if relay is not None:
                relay.start()
        elif self._ending:
            self._transport.close()
        if was_full and len(self._exchanges) < PIPELINED and not self._ending:
            self._transport.resume_reading()

    def expire(self, now: float) -> None:
        """Close when the deadline has passed: 408 in mid-request, silently when idle."""
        if now < self.deadline or self._transport.is_closing():
            return
        if self._request is not None or self._head_bytes:
            self._refuse(Answer(408, "the request took too long"))
        elif not self._exchanges:
            self._transport.close()

    def finish(self) -> None:
        """Take no more requests; close when all answers are out."""
        self._finishing = True
        if self._request is None:
            self._ending = True
            if not self._exchanges:
                self._transport.close()

    def _refuse(self, answer: Answer) -> None:
        """Answer what cannot be a request, after what was asked before, and close."""
        self._ending = True
        request = self._request
        if request is not None and request.relay is not None:
            request.relay.abandon()
            self._transport.close()
            return
        if request is None or not self._exchanges or self._exchanges[-1] is not request:
            request = Exchange()
            self._exchanges.append(request)
        request.keep_alive = False
        self._answered(request, answer)

    def _reserve(self, size: int) -> None:
        if not self._server.reserve(size):
            raise _TooLargeError(protocol.BUSY)
        self._reserved += size

    def _release(self) -> None:
        self._server.release(self._reserved)
        self._reserved = 0


class _TooLargeError(Exception):
    """Raised inside the parser's callbacks to end the request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer
