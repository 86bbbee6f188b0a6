"""Pass a request for a page on to the pages' own process, over a local socket.

One connection a request; the answer ends with it. The pages may be restarting:
for RETRY_SECONDS a refused connection is tried again before the client is told.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

RETRY_SECONDS = 5.0
RETRY_EACH_SECONDS = 0.1
TOTAL_SECONDS = 60.0
MOST_BODY_BYTES = 8 * 2**20
_HIGH_WATER = 256 * 1024
# Hop by hop (RFC 9110, 7.6.1), or ours to say.
_DROPPED = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"expect",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-protocol",
    b"x-forwarded-ssl",
    b"x-real-ip",
}
_STARTING = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Back in a moment</title>"
    b"<h1>Back in a moment</h1><p>The pages are starting. Pings are taken meanwhile. "
    b"Reload in a few seconds."
)


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head as it came, and what we say of the client."""

    method: str
    url: bytes
    headers: list[tuple[bytes, bytes]]
    client: str
    scheme: str

    @property
    def is_chunked(self) -> bool:
        """Return True when the body's length was not announced."""
        return any(name == b"transfer-encoding" for name, _ in self.headers)

    def packed(self) -> bytes:
        """Return the head that the pages get."""
        lines = [self.method.encode() + b" " + self.url + b" HTTP/1.1"]
        # WSGI cannot tell a_b from a-b, and gunicorn believes SCRIPT_NAME of a proxy.
        kept = (one for one in self.headers if one[0] not in _DROPPED and b"_" not in one[0])
        lines += [name + b": " + value for name, value in kept]
        lines += [
            b"x-forwarded-for: " + self.client.encode(),
            b"x-forwarded-proto: " + self.scheme.encode(),
            b"connection: close",
        ]
        if self.is_chunked:
            lines.append(b"transfer-encoding: chunked")
        return b"\r\n".join([*lines, b"", b""])


class Relay(asyncio.Protocol):
    """The connection to the pages for one request of a client."""

    def __init__(self, head: Head, socket_path: str, client: asyncio.Transport) -> None:
        self._head, self._path, self._client = head, socket_path, client
        self._pending = bytearray()
        self._body_bytes = 0
        self._up: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_answered = False
        self._is_over = False

    def start(self) -> None:
        """Connect; what was fed meanwhile is sent then. Idempotent."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def feed(self, body: bytes) -> None:
        """Pass on a part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > MOST_BODY_BYTES:
            self._fail(b"413 Content Too Large", b"The form is too large.")
            return
        self._send(b"%x\r\n%b\r\n" % (len(body), body) if self._head.is_chunked else body)

    def end(self) -> None:
        """Say that the request is complete."""
        if self._head.is_chunked:
            self._send(b"0\r\n\r\n")

    def abandon(self) -> None:
        """Let go: the client is gone."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()
        if self._up is not None:
            self._up.abort()

    def pause(self) -> None:
        """Stop reading the answer: the client is slow."""
        if self._up is not None:
            self._up.pause_reading()

    def resume(self) -> None:
        """Go on reading the answer."""
        if self._up is not None:
            self._up.resume_reading()

    # --- asyncio.Protocol, towards the pages ----------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._up = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._up.set_write_buffer_limits(_HIGH_WATER)
        self._up.write(self._head.packed() + bytes(self._pending))
        self._pending.clear()
        self._client.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._has_answered = True
        if not self._client.is_closing():
            self._client.write(data)

    def pause_writing(self) -> None:
        self._client.pause_reading()

    def resume_writing(self) -> None:
        self._client.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()
        if not self._has_answered:
            self._fail(b"503 Service Unavailable", _STARTING)
        elif exc is not None:
            self._client.abort()  # a cut answer must not look like a whole one
        else:
            self._client.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + RETRY_SECONDS
        while self._up is None:
            try:
                await loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                if loop.time() > give_up:
                    self._fail(b"503 Service Unavailable", _STARTING)
                    return
                await asyncio.sleep(RETRY_EACH_SECONDS)
        await asyncio.sleep(TOTAL_SECONDS)
        self._up.abort()

    def _send(self, data: bytes) -> None:
        if self._up is not None:
            self._up.write(data)
            return
        self._pending += data
        if len(self._pending) > _HIGH_WATER:
            self._client.pause_reading()

    def _fail(self, status: bytes, page: bytes) -> None:
        if self._is_over or self._client.is_closing():
            return
        self._is_over = True
        if not self._has_answered:
            self._client.write(
                b"HTTP/1.1 %b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n"
                b"Retry-After: 2\r\nConnection: close\r\n\r\n%b" % (status, len(page), page)
            )
        self._client.close()
        if self._up is not None:
            self._up.abort()
