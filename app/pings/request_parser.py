"""Turn a client's bytes into requests, by httptools, with a bound on every head."""

from typing import Protocol

import httptools

from app.pings.exchange import Exchange
from app.pings.protocol import Answer

HEAD_BYTES = 16 * 1024
MOST_HEADERS = 100
_UPGRADE = (b"connection", b"upgrade", b"http2-settings")
_TOO_LARGE = Answer(431, "request line and headers are too large")


class RefusedError(Exception):
    """What came is no request that we take; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Handler(Protocol):
    """Who is told of requests."""

    def head_complete(self, request: Exchange, /) -> None:
        """Take a request whose head is there."""

    def body_part(self, request: Exchange, body: bytes, /) -> None:
        """Take a part of its body."""

    def complete(self, request: Exchange, /) -> bool:
        """Take the end of a request; False when nothing more is to be parsed."""


class RequestParser:
    """Parses the requests of one connection, one after the other."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._request: Exchange | None = None
        self._head_bytes = 0
        self._fed_bytes = 0
        self._in_head = True
        self._has_ended = False

    @property
    def request(self) -> Exchange | None:
        """Return the request under way."""
        return self._request

    @property
    def is_between_requests(self) -> bool:
        """Return True when no byte of a request is waiting for the rest of it."""
        return self._request is None and not self._head_bytes

    def feed(self, data: bytes) -> None:
        """Parse bytes. RefusedError for what is too large or no HTTP, and from handlers."""
        if self._has_ended:
            return
        self._fed_bytes = len(data)
        if self._in_head:
            self._head_bytes += self._fed_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, RefusedError):
                raise error.__context__ from None
            if not self._has_ended:
                raise RefusedError(Answer(400, "not a valid HTTP request")) from None
        if self._in_head and self._head_bytes > HEAD_BYTES:
            raise RefusedError(_TOO_LARGE)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the request again without its wish for another protocol.

        httptools takes a request with `Upgrade:` for complete behind its head,
        and would lose its body (`curl --http2` sends one with each request).
        """
        request = self._request
        assert request is not None
        if request.method == "CONNECT":
            raise RefusedError(Answer(400, "not a valid HTTP request"))
        lines = [request.method.encode() + b" " + request.url + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in request.headers if name not in _UPGRADE]
        if not request.keep_alive:
            lines.append(b"connection: close")
        self._parser, self._request = httptools.HttpRequestParser(self), None
        self._head_bytes = -len(rest)
        self.feed(b"\r\n".join([*lines, b"", b""]) + rest)

    # --- httptools' callbacks ---------------------------------------------------

    def on_message_begin(self) -> None:
        if self._has_ended:
            raise _EndedError
        self._request = Exchange()
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        assert self._request is not None
        self._request.url += url
        if len(self._request.url) > HEAD_BYTES // 2:
            raise RefusedError(Answer(414, "request line is too long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._request is not None
        if not self._in_head:
            return  # a trailer: who replaces headers on the way does not see it
        self._request.headers.append((name.lower(), value))
        if len(self._request.headers) > MOST_HEADERS:
            raise RefusedError(Answer(431, "too many headers"))

    def on_headers_complete(self) -> None:
        request = self._request
        assert request is not None
        may_be_large = max(self._head_bytes, self._fed_bytes) > HEAD_BYTES
        if may_be_large and request.head_bytes > HEAD_BYTES:
            raise RefusedError(_TOO_LARGE)
        request.method = self._parser.get_method().decode("ascii", "replace")
        request.keep_alive = self._parser.should_keep_alive()
        if self._parser.should_upgrade():
            return
        self._in_head, self._head_bytes = False, 0
        self._handler.head_complete(request)

    def on_body(self, body: bytes) -> None:
        assert self._request is not None
        self._handler.body_part(self._request, body)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return
        request, self._request = self._request, None
        assert request is not None
        self._in_head = True
        self._has_ended = not self._handler.complete(request)


class _EndedError(Exception):
    """Raised inside a callback: what follows the last request is not parsed."""
