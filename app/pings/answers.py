"""The answers that one connection owes: written in the order of its requests."""

import asyncio
from collections import deque
from collections.abc import Callable

from app.pings import exchange as exchanges
from app.pings import protocol
from app.pings.exchange import Exchange
from app.pings.protocol import Answer
from app.pings.recurring import Like
from app.pings.relay import Relay

PIPELINED = 64


class Answers:
    """The requests under way, oldest first.

    `emptied` is called when none is left, `refused` for each that gets an error.

    `again` is a ping like one before: it is known by its bytes, stands before all
    others, and is there only when nothing was under way as it came. `is_ending`: what
    still comes is not read, and the connection ends behind what is under way.
    """

    __slots__ = (
        "_body_limit",
        "_emptied",
        "_refused",
        "_transport",
        "again",
        "is_ending",
        "requests",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        body_limit: int,
        emptied: Callable[[], None],
        refused: Callable[[Answer, bytes], None],
    ) -> None:
        self._transport, self._body_limit = transport, body_limit
        self._emptied, self._refused = emptied, refused
        self.is_ending = False
        self.again: Like | None = None
        self.requests: deque[Exchange] = deque()

    @property
    def are_owed(self) -> bool:
        """Return True while there is any."""
        return self.again is not None or bool(self.requests)

    @property
    def relay(self) -> Relay | None:
        """Return the relay whose answer is the next in order."""
        return self.requests[0].relay if self.requests and self.again is None else None

    @property
    def wait_for_room(self) -> bool:
        """Return True while the body of the last request may not be read."""
        return bool(self.requests) and not self.requests[-1].has_room

    def answer_again(self, answer: Answer) -> None:
        """Write the answer to `again`."""
        like, self.again = self.again, None
        if like is None or self._transport.is_closing():
            return
        if answer is protocol.OK:
            self._transport.write(like.ok)
        else:
            self._refused(answer, b"")
            self._transport.write(exchanges.packed(answer, like, self._body_limit))
        if self.requests or self.is_ending:
            self.flush()

    def answer(self, request: Exchange, answer: Answer) -> None:
        """Take the answer to a request; it is written when it is its turn."""
        if answer.status >= 400:
            self._refused(answer, request.url)
        request.answer = exchanges.packed(answer, request, self._body_limit)
        request.let_go()
        self.flush()

    def flush(self) -> None:
        """Write what is there, and go on with the first that is not."""
        if self._transport.is_closing() or self.again is not None:
            return
        was_paused = len(self.requests) >= PIPELINED
        while self.requests and self.requests[0].answer is not None:
            done = self.requests.popleft()
            was_paused |= not done.has_room
            self._transport.write(done.answer or b"")
        if was_paused:
            self.read_on()
        if self.requests:
            self._begin(self.requests[0])
        else:
            self._emptied()

    def read_on(self) -> None:
        """Read from the client again, unless too much of it is under way."""
        if len(self.requests) < PIPELINED and not self.wait_for_room:
            self._transport.resume_reading()

    def let_go(self) -> None:
        """Give back what the requests hold: the client is gone."""
        for request in self.requests:
            request.let_go()

    def _begin(self, request: Exchange) -> None:
        if request.waits_to_be_asked and request.has_room:
            request.waits_to_be_asked = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.relay is not None:
            request.relay.start()
