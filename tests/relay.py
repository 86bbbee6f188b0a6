"""A relay between a program and PostgreSQL, that loses answers when a test says so.

with running_relay(cluster.directory) as relay:
    relay.url                   goes through it, by TCP
    relay.swallow(b"COMMIT")    what follows such a request is taken and never answered
    relay.drop(b"COMMIT")       such a request is passed on, and the connection is cut
"""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.postgresql import PORT


@dataclass(slots=True)
class Relay:
    """Passes bytes between clients and the server's Unix socket, a thread a connection."""

    server: Path
    listener: socket.socket
    losses: list[tuple[bytes, bool]] = field(default_factory=list)
    lost: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _muted: set[socket.socket] = field(default_factory=set)

    @property
    def port(self) -> int:
        """Return where it listens, on 127.0.0.1."""
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Return the DATABASE_URL through the relay."""
        return f"postgresql://stillhere@127.0.0.1:{self.port}/stillhere?sslmode=disable"

    def swallow(self, word: bytes) -> None:
        """Let the next request that says `word` reach the server, and answer nothing more."""
        self.losses.append((word, False))

    def drop(self, word: bytes) -> None:
        """Let the next request that says `word` reach the server, then cut the connection."""
        self.losses.append((word, True))

    def mute(self) -> None:
        """Answer nothing more on the connections that there are."""
        self._muted.update(self._open)

    def accept(self) -> None:
        """Serve until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Hang up everywhere."""
        self.listener.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            self._open.append(client)
            server.connect(str(self.server / f".s.PGSQL.{PORT}"))
            while self._pass_on(client, server):
                pass
        self._open.remove(client)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> bool:
        """Move what is there; False when it is over."""
        ready, _, _ = select.select([client, server], [], [])
        if client in ready:
            request = client.recv(2**20)
            server.sendall(request)
            is_cut = self._loses(request, client)
            if not request or is_cut:
                if is_cut:
                    server.recv(2**20)  # it has answered, so it has done what was asked
                return False
        if server in ready:
            answer = server.recv(2**20)
            if client not in self._muted:
                client.sendall(answer)
            return bool(answer)
        return True

    def _loses(self, request: bytes, client: socket.socket) -> bool:
        """Return True when the connection is to be cut."""
        for loss in self.losses:
            word, is_cut = loss
            if word in request:
                self.losses.remove(loss)
                self.lost += 1
                if not is_cut:
                    self._muted.add(client)
                return is_cut
        return False


@contextlib.contextmanager
def running_relay(server: Path) -> Iterator[Relay]:
    """Run a relay to the server whose socket lies in that directory."""
    relay = Relay(server, socket.create_server(("127.0.0.1", 0)))
    thread = threading.Thread(target=relay.accept, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
