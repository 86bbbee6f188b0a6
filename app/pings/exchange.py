"""One HTTP request of a client and its answer: what it says, apart from how it came."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import httptools

from app import settings
from app.checks.state import Event
from app.env import Network
from app.metrics.access import may_scrape
from app.pings import protocol
from app.pings.bodies import Lease
from app.pings.protocol import Answer, Request
from app.pings.relay import Head, Relay

HEALTH_PREFIX = "/-/"
METRICS = "metrics"
_OURS = (protocol.PREFIX.encode(), HEALTH_PREFIX.encode())
_LATER = datetime(1970, 1, 1, tzinfo=UTC)  # the intake sets the true time


@dataclass(slots=True)
class Exchange:
    """A request as far as it has come, and its answer when it is there."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    method: str = ""
    body: bytearray = field(default_factory=bytearray)
    keep_alive: bool = False
    answer: bytes | None = None
    relay: Relay | None = None
    lease: Lease | None = None
    waits_to_be_asked: bool = False  # Expect: 100-continue

    @property
    def has_room(self) -> bool:
        """Return True when its body may be read."""
        return self.lease is None or self.lease.is_granted

    def body_bytes(self, limit: int) -> int:
        """Return how much of its body will be kept, at most."""
        if self.header(b"transfer-encoding"):
            return limit
        length = self.header(b"content-length")
        return min(int(length), limit) if length.isdecimal() else 0

    def let_go(self) -> None:
        """Give back what its body took; a relay is told that the client is gone."""
        self.body = bytearray()
        if self.lease is not None:
            self.lease.release()
        if self.relay is not None:
            self.relay.abandon()

    def header(self, name: bytes) -> str:
        """Return a header's value ("" when absent, joined when repeated)."""
        said = [value for key, value in self.headers if key == name]
        return b",".join(said).decode("latin-1") if said else ""

    @property
    def is_head(self) -> bool:
        """Return True when no body is wanted in the answer."""
        return self.method == "HEAD"

    @property
    def head_bytes(self) -> int:
        """Return the size of the headers."""
        return sum(len(name) + len(value) for name, value in self.headers)

    @property
    def is_for_pages(self) -> bool:
        """Return True when neither pings nor health are asked for."""
        if self.url.startswith(_OURS):
            return False
        # An absolute address (RFC 9112, 3.2.2) is ours to take apart, too.
        return not re.sub(rb"^https?://[^/?]*", b"", self.url).startswith(_OURS)


@dataclass(frozen=True, slots=True)
class Health:
    """A question for a receiver's health, by name."""

    name: str


def meaning(exchange: Exchange, peer: str, trusted: Sequence[Network]) -> Request | Health | Answer:
    """Return what is asked for; an answer when it is nothing that we have.

    Health is private: only our own balancers see it, and nobody through them. Who may
    see metrics is a rule of its own.
    """
    try:
        url = httptools.parse_url(exchange.url)
    except httptools.HttpParserInvalidURLError:
        return Answer(400, "invalid url")
    path, query = (url.path or b"/").decode("latin-1"), (url.query or b"").decode("latin-1")
    if path.startswith(HEALTH_PREFIX):
        name = path.removeprefix(HEALTH_PREFIX)
        is_ours = _may_scrape if name == METRICS else _may_ask
        return Health(name) if is_ours(exchange, peer, trusted) else protocol.NOT_FOUND
    if not path.startswith(protocol.PREFIX):
        return protocol.NOT_FOUND
    return protocol.parse(path.removeprefix(protocol.PREFIX), query) or protocol.NOT_FOUND


def _may_ask(exchange: Exchange, peer: str, trusted: Sequence[Network]) -> bool:
    return protocol.is_trusted(peer, trusted) and not exchange.header(b"x-forwarded-for")


def _may_scrape(exchange: Exchange, peer: str, _trusted: Sequence[Network]) -> bool:
    return may_scrape(
        settings.METRICS_TOKEN,
        peer=peer,
        forwarded_for=exchange.header(b"x-forwarded-for"),
        authorization=exchange.header(b"authorization"),
    )


def event(exchange: Exchange, ping: Request, peer: str, trusted: Sequence[Network]) -> Event:
    """Return the ping as the journal keeps it, but for its time."""
    return Event(
        received_at=_LATER,
        action=ping.action,
        exit_status=ping.exit_status,
        rid=ping.rid,
        scheme=_scheme(exchange, peer, trusted),
        method=exchange.method[: protocol.METHOD_CHARS],
        remote_addr=_client(exchange, peer, trusted),
        user_agent=exchange.header(b"user-agent")[: protocol.USER_AGENT_CHARS],
        body=bytes(exchange.body),
    )


class Asked(Protocol):
    """What an answer has to know of its request."""

    @property
    def keep_alive(self) -> bool:
        """Return True when the connection goes on."""

    @property
    def is_head(self) -> bool:
        """Return True when no body is wanted in the answer."""


def packed(answer: Answer, asked: Asked, body_limit: int) -> bytes:
    """Return the answer's bytes."""
    return protocol.answer_bytes(
        answer, body_limit=body_limit, keep_alive=asked.keep_alive, is_head=asked.is_head
    )


def relay_head(exchange: Exchange, peer: str, trusted: Sequence[Network]) -> Head:
    """Return the head that the pages get: what the client claimed of itself is replaced."""
    return Head(
        method=exchange.method,
        url=exchange.url,
        headers=exchange.headers,
        client=_client(exchange, peer, trusted),
        scheme=_scheme(exchange, peer, trusted),
    )


def _client(exchange: Exchange, peer: str, trusted: Sequence[Network]) -> str:
    return protocol.client_address(peer, exchange.header(b"x-forwarded-for"), trusted)


def _scheme(exchange: Exchange, peer: str, trusted: Sequence[Network]) -> str:
    said = exchange.header(b"x-forwarded-proto").split(",")[0].strip().lower()
    return "https" if said == "https" and protocol.is_trusted(peer, trusted) else "http"
