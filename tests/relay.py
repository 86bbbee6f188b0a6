"""A relay between a program and a server, that breaks connections when a test says so.

with running_relay(server.port) as relay:           a port of this machine, or
with running_relay(cluster.socket) as relay:        a Unix socket
    relay.port                                      where it listens, on 127.0.0.1
    relay.breaks(rb"partNumber=2", Way.RESET)       the next request that has these words
    relay.breaks(b"COMMIT", Way.MUTED, times=3)     the next three
    relay.waits_for_break()                         until it has broken something
"""

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

PATIENCE_SECONDS = 120
_CHUNK_BYTES, _SOME_CHUNKS = 2**16, 4
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST


class Way(StrEnum):
    """How a connection breaks."""

    RESET = "reset"  # before the request is complete, in the middle of a large body
    ANSWER_LOST = "answer lost"  # the request is done; the connection is cut
    MUTED = "muted"  # the request is done; no byte comes any more
    HELD = "held"  # no byte goes on, and nobody is told


@dataclass(slots=True)
class _Break:
    pattern: bytes
    way: Way
    times: int


@dataclass(slots=True)
class Relay:
    """Passes bytes on, a thread a connection. `broken` counts what it broke."""

    target: int | Path
    listener: socket.socket
    broken: int = 0
    _breaks: list[_Break] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)
    _muted: set[socket.socket] = field(default_factory=set)
    _has_broken: threading.Event = field(default_factory=threading.Event)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        """Return where it listens, on 127.0.0.1."""
        return int(self.listener.getsockname()[1])

    @property
    def endpoint(self) -> str:
        """Return the address of the S3 behind it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Return the DATABASE_URL of the cluster behind it."""
        return f"postgresql://stillhere@127.0.0.1:{self.port}/stillhere?sslmode=disable"

    def breaks(self, pattern: bytes, way: Way, times: int = 1) -> None:
        """Break the next requests of which what is before an empty line matches."""
        self._breaks.append(_Break(pattern, way, times))

    def heals(self) -> None:
        """Break nothing more."""
        self._breaks.clear()

    def mute(self) -> None:
        """Answer nothing more on the connections that there are."""
        self._muted.update(self._open)

    def is_muted(self, client: socket.socket) -> bool:
        """Tell whether nothing more is answered to that client."""
        return client in self._muted

    def waits_for_break(self) -> None:
        """Return when something was broken."""
        assert self._has_broken.wait(PATIENCE_SECONDS)

    def serve(self) -> None:
        """Accept until it is over."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Hang up everywhere."""
        self._is_over.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, client: socket.socket) -> None:
        self._open.append(client)
        with client, contextlib.suppress(OSError), self._connected() as server:
            connection = _Connection(self, client, server)
            while connection.passes():
                pass
        self._open.remove(client)

    def _connected(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self.target))
        return server

    def way_of(self, request: bytes) -> Way | None:
        """Return how this request breaks. What follows an empty line may be anybody's data."""
        for one in list(self._breaks):
            if re.search(one.pattern, request.partition(b"\r\n\r\n")[0]):
                one.times -= 1
                if not one.times:
                    self._breaks.remove(one)
                return one.way
        return None

    def tell(self) -> None:
        """Note that a connection is broken now."""
        self.broken += 1
        self._has_broken.set()

    def hold(self) -> None:
        """Let nothing happen until the relay is closed."""
        self._is_over.wait()


@dataclass(slots=True)
class _Connection:
    """A client, the server's end that it was given, and how it breaks, once that is known."""

    relay: Relay
    client: socket.socket
    server: socket.socket
    way: Way | None = None
    chunks: int = 0

    def passes(self) -> bool:
        """Move what is there; False when it is over."""
        ready, _, _ = select.select([self.client, self.server], [], [])
        return (self.client not in ready or self._passes_request()) and (
            self.server not in ready or self._passes_answer()
        )

    def _passes_request(self) -> bool:
        request = self.client.recv(_CHUNK_BYTES)
        was, self.way = self.way, self.way or self.relay.way_of(request)
        self.chunks += self.way is Way.RESET
        if self.way is Way.RESET and request and self._is_enough(request):
            return self._cut()
        if self.way in {Way.HELD, Way.MUTED} and was is None:
            self.relay.tell()
        if self.way is Way.HELD:
            self.relay.hold()
        elif request:
            self.server.sendall(request)
        return bool(request) and self.way is not Way.HELD

    def _is_enough(self, request: bytes) -> bool:
        """Tell whether a part of the body went through, or all that a small request lacks.

        First comes the head; when it asks whether to go on, the body comes later.
        """
        is_head = b"100-continue" in request
        return not is_head and (self.chunks > _SOME_CHUNKS or len(request) < _CHUNK_BYTES // 2)

    def _passes_answer(self) -> bool:
        answer = self.server.recv(_CHUNK_BYTES)
        is_final = answer and not answer.startswith(b"HTTP/1.1 100")
        if self.way is Way.ANSWER_LOST and is_final:
            return self._cut()
        if self.way is not Way.MUTED and not self.relay.is_muted(self.client):
            self.client.sendall(answer)
        return bool(answer)

    def _cut(self) -> bool:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.client.close()
        self.relay.tell()
        return False


@contextlib.contextmanager
def running_relay(target: int | Path) -> Iterator[Relay]:
    """Run a relay to that port of this machine, or that Unix socket."""
    relay = Relay(target, socket.create_server(("127.0.0.1", 0)))
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()
