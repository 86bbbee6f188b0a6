"""One client's HTTP connection: answers in the order of the requests, bounded everywhere.

A request for a ping or for health is answered here; any other goes to the pages
through a relay. What a client may cost: HEAD_BYTES for a request line and its
headers, the body limit for a body (the rest is read away), PIPELINED requests
at a time, REQUEST_SECONDS from a request's first byte to its last.
"""

import asyncio
import logging
import time
from functools import partial
from typing import Protocol, cast

from app.checks.state import Event
from app.env import Network
from app.pings import exchange as exchanges
from app.pings import protocol
from app.pings.answers import PIPELINED, Answers
from app.pings.bodies import SMALL_BYTES, Bodies
from app.pings.exchange import Exchange, Health
from app.pings.protocol import Answer, Request
from app.pings.recurring import Like
from app.pings.relay import Relay
from app.pings.request_parser import RefusedError, RequestParser

log = logging.getLogger(__name__)

REQUEST_SECONDS = 60
IDLE_SECONDS = 75
LINGER_SECONDS = 2


class Server(Protocol):
    """What a connection needs of its receiver."""

    body_limit: int
    trusted: tuple[Network, ...]
    pages_socket: str | None

    bodies: Bodies
    idle_deadline: float  # monotonic, coarse: now and IDLE_SECONDS

    def take(self, request: Request, event: Event, answered: "Answering") -> None:
        """Take a ping (intake.Intake.take)."""

    def take_again(self, peer: str, data: bytes, answered: "Answering") -> Like | None:
        """Take a ping that is like one before; None when `data` is not just that."""

    def learn(self, peer: str, data: bytes, asked: Exchange, ping: Request, event: Event) -> None:
        """Remember a ping, for `take_again`."""

    async def health(self, name: str) -> Answer:
        """Answer a request below HEALTH_PREFIX."""

    def refused(self, answer: Answer, url: bytes) -> None:
        """Note a request that is answered with an error."""

    def opened(self, connection: "Connection") -> bool:
        """Note a connection; False when there is no room for it."""

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
        self._transport: asyncio.Transport
        self._answers: Answers
        self._peer = ""
        self._received = b""  # what is being parsed, from between two requests on
        self._is_between = True  # no byte of a request is waiting for the rest of it
        self._finishing = False  # the request under way is the last one
        self._lingering = False  # refused, and the client is still sending
        self.deadline = time.monotonic() + REQUEST_SECONDS

    # --- asyncio.Protocol -------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._answers = Answers(
            self._transport, self._server.body_limit, self._emptied, self._server.refused
        )
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._server.opened(self):
            self._refuse(Answer(503, "too many connections", retry_after_seconds=5))

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.closed(self)
        self._answers.is_ending = True
        self._answers.let_go()

    def data_received(self, data: bytes) -> None:
        answers = self._answers
        if answers.is_ending:
            return
        self._received = b""
        if answers.again is None and not answers.requests and self._is_between:
            if again := self._server.take_again(self._peer, data, answers.answer_again):
                answers.again, answers.is_ending = again, not again.keep_alive
                self.deadline = self._server.idle_deadline
                return
            self.deadline = time.monotonic() + REQUEST_SECONDS
            self._received = data
        try:
            self._parser.feed(data)
            self._is_between = self._parser.is_between_requests
        except RefusedError as error:
            self._refuse(error.answer)

    def eof_received(self) -> bool:
        # Answers to what was asked still go out; half a request gets none.
        self._answers.is_ending, self._lingering = True, False
        return self._answers.are_owed and self._parser.request is None

    def pause_writing(self) -> None:
        self._transport.pause_reading()
        if relay := self._answers.relay:
            relay.pause()

    def resume_writing(self) -> None:
        if relay := self._answers.relay:
            relay.resume()
        self._answers.read_on()

    # --- request_parser.Handler -------------------------------------------------

    def head_complete(self, request: Exchange) -> None:
        """Take a request; one for a page begins at once, its body may be long."""
        request.waits_to_be_asked = request.header(b"expect").lower() == "100-continue"
        self._answers.requests.append(request)
        if self._server.pages_socket and request.is_for_pages:
            head = exchanges.relay_head(request, self._peer, self._server.trusted)
            request.relay = Relay(head, self._server.pages_socket, self._transport)
        elif (size := request.body_bytes(self._server.body_limit)) > SMALL_BYTES:
            request.lease = self._server.bodies.lease(size, self._granted)
            if not request.has_room:
                self._transport.pause_reading()
        self._answers.flush()

    def _granted(self) -> None:
        self.deadline = time.monotonic() + REQUEST_SECONDS
        self._answers.read_on()
        self._answers.flush()

    def body_part(self, request: Exchange, body: bytes) -> None:
        """Keep a ping's body up to the limit; pass a form on."""
        if request.relay is not None:
            request.relay.feed(body)
            return
        part = body[: max(self._server.body_limit - len(request.body), 0)]
        lease = request.lease
        if lease is not None and not lease.is_granted and not lease.take_ahead(len(part)):
            raise RefusedError(protocol.BUSY)
        request.body += part

    def complete(self, request: Exchange) -> bool:
        """Do what the request asks for."""
        self.deadline = time.monotonic() + IDLE_SECONDS
        is_last = self._finishing or not request.keep_alive or request.relay is not None
        if is_last:
            request.keep_alive, self._answers.is_ending = False, True
        if request.relay is not None:
            request.relay.end()
        else:
            self._handle(request)
        if len(self._answers.requests) >= PIPELINED:
            self._transport.pause_reading()
        return not is_last

    def _handle(self, request: Exchange) -> None:
        """Handle it; a fault of ours must not leave the client without an answer."""
        answered = partial(self._answers.answer, request)
        try:
            asked = exchanges.meaning(request, self._peer, self._server.trusted)
            if isinstance(asked, Answer):
                answered(asked)
            elif isinstance(asked, Health):
                task = asyncio.get_running_loop().create_task(self._server.health(asked.name))
                task.add_done_callback(lambda done: answered(done.result()))
            else:
                event = exchanges.event(request, asked, self._peer, self._server.trusted)
                request.body = bytearray()
                self._server.learn(self._peer, self._received, request, asked, event)
                self._server.take(asked, event, answered)
        except Exception:
            log.exception("request not handled url=%r", request.url[:200])
            answered(Answer(500, "this is our fault; send it again"))

    # --- the end ----------------------------------------------------------------

    def _emptied(self) -> None:
        """Close when no answer is owed any more and none will be."""
        if self._lingering:
            # Closing with input unread would reset the connection, and the client
            # would not see why it was refused.
            self._transport.write_eof()
            self.deadline = time.monotonic() + LINGER_SECONDS
        elif self._answers.is_ending:
            self._transport.close()

    def expire(self, now: float) -> None:
        """Close when the deadline has passed: 408 in mid-request, silently when idle."""
        if now < self.deadline or self._transport.is_closing() or self._answers.wait_for_room:
            return
        if not self._answers.is_ending and not self._parser.is_between_requests:
            self._refuse(Answer(408, "the request took too long"))
        elif not self._answers.are_owed:
            self._transport.close()
        elif self._answers.relay is None:
            self._transport.abort()  # nobody will answer any more

    @property
    def waits_for_client(self) -> bool:
        """Return True when no answer is owed but to a request whose rest has not come."""
        answers, half = self._answers, self._parser.request
        if answers.again is not None or answers.relay is not None or answers.wait_for_room:
            return False
        return not answers.requests or answers.requests[0] is half

    def drop(self) -> None:
        """Close at once: its place is needed."""
        self._transport.abort()

    def finish(self) -> None:
        """Take no more requests; close when all answers are out."""
        self._finishing = True
        if self._parser.request is None:
            self._answers.is_ending = True
            if not self._answers.are_owed:
                self._transport.close()

    def _refuse(self, answer: Answer) -> None:
        """Answer what cannot be a request, after what was asked before, and close."""
        self._answers.is_ending = self._lingering = True
        request = self._parser.request
        if request is not None and request.relay is not None:
            request.relay.abandon()
            self._transport.close()
            return
        under_way = self._answers.requests
        if request is None or not under_way or under_way[-1] is not request:
            request = Exchange()
            under_way.append(request)
        request.keep_alive = False
        self._answers.answer(request, answer)
