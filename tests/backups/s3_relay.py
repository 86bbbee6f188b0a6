"""A relay in front of S3 that breaks connections when a test says so.

with running_relay(server.port) as relay:
    relay.breaks(rb"partNumber=2", Way.RESET)             once
    relay.breaks(rb"partNumber=2", Way.RESET, times=99)   every attempt, too
    relay.waits_for_break()                              until it has broken something
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

PATIENCE_SECONDS = 120
_SOME_CHUNKS = 4
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST


class Way(StrEnum):
    """How a connection breaks."""

    RESET = "reset"  # before the request is complete, in the middle of a large body
    ANSWER_LOST = "answer lost"  # the request is done; its answer never arrives
    HELD = "held"  # no byte goes on, and nobody is told


@dataclass(slots=True)
class _Break:
    pattern: bytes
    way: Way
    times: int


@dataclass(slots=True)
class Relay:
    """Passes bytes on, a thread a connection."""

    target: int
    listener: socket.socket
    broken: int = 0
    _breaks: list[_Break] = field(default_factory=list)
    _has_broken: threading.Event = field(default_factory=threading.Event)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        """Return where S3 answers through us."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def breaks(self, pattern: bytes, way: Way, times: int = 1) -> None:
        """Break the next requests whose first line or headers match."""
        self._breaks.append(_Break(pattern, way, times))

    def heals(self) -> None:
        """Break nothing more."""
        self._breaks.clear()

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
        """Let go of everything."""
        self._is_over.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self.target))
            with server:
                self._exchange(client, server)

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        way, chunks = None, 0
        while not self._is_over.is_set():
            ready, _, _ = select.select([client, server], [], [], 0.5)
            if client in ready:
                request = client.recv(2**16)
                way = way or self._broken_by(request)
                if not request:
                    return None
                if way is Way.RESET:
                    # First comes the head; if it asks whether to go on, the body comes later.
                    chunks += 1
                    is_head = b"100-continue" in request
                    if not is_head and (chunks > _SOME_CHUNKS or len(request) < 2**15):
                        return self._reset(client)
                if way is Way.HELD:
                    self._has_broken.set()
                    self._is_over.wait()
                server.sendall(request)
            if server in ready:
                answer = server.recv(2**16)
                is_final = not answer.startswith(b"HTTP/1.1 100")
                if way is Way.ANSWER_LOST and is_final:
                    return self._reset(client)
                client.sendall(answer)
                if not answer:
                    return None
        return None

    def _broken_by(self, request: bytes) -> Way | None:
        for one in list(self._breaks):
            if re.search(one.pattern, request.partition(b"\r\n\r\n")[0]):
                one.times -= 1
                if not one.times:
                    self._breaks.remove(one)
                return one.way
        return None

    def _reset(self, client: socket.socket) -> None:
        self.broken += 1
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        client.close()
        self._has_broken.set()


@contextlib.contextmanager
def running_relay(target: int) -> Iterator[Relay]:
    """Run a relay to that port of this machine."""
    relay = Relay(target, socket.create_server(("127.0.0.1", 0)))
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()
