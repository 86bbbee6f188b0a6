"""The drain's end of the local socket: who writes journals here, and how far each is.

Nothing here blocks: sockets are non-blocking and are served between batches.
"""

import contextlib
import logging
import select
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from app.pings import wire
from app.pings.journal import Place

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A receiver that does not read this much is hung or gone.
_MOST_UNSENT_BYTES = 256 * 2**20


class Wakeable(Protocol):
    """Something else to wait for (wakeups.Sleeper)."""

    def fileno(self) -> int:
        """Return what select() can wait for."""
        ...


@dataclass(slots=True)
class Link:
    """The connection of one receiver. `end` is on disk; before `end_time` everything is in it."""

    socket: socket.socket
    journal: UUID | None = None
    slot: int = 0
    directory_number: int = -1
    end: Place | None = None
    end_time: datetime | None = None
    drained: Place | None = None
    is_looked_for: bool = False
    unsent: bytearray = field(default_factory=bytearray)
    unpacker: wire.Unpacker = field(default_factory=wire.Unpacker)

    def fileno(self) -> int:
        """Return the socket's number, for select()."""
        return self.socket.fileno()

    def say(self, *message: Any) -> None:
        """Send a message, now or when the receiver reads again."""
        self.unsent += wire.pack(*message)
        self.send()

    def send(self) -> None:
        """Send what is unsent, as far as it goes."""
        with contextlib.suppress(OSError):  # a broken link shows when it is read
            while self.unsent:
                sent = self.socket.send(self.unsent)
                del self.unsent[:sent]


class Links:
    """All receivers of this server."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._links: list[Link] = []

    def of(self, journal: UUID, slot: int) -> Link | None:
        """Return the link of the receiver that writes this journal, if it is there."""
        matching = [link for link in self._links if (link.journal, link.slot) == (journal, slot)]
        return matching[-1] if matching else None

    def known(self) -> list[Link]:
        """Return the links that have said who they are."""
        return [link for link in self._links if link.journal is not None]

    def ask_all(self) -> None:
        """Ask every receiver how far it is, now."""
        for link in self.known():
            link.say(wire.Say.TICK)

    def serve(self, timeout_seconds: float, also: Wakeable | None) -> bool:
        """Wait for messages and take them in; return True when `also` is ready."""
        readable: list[Any] = [self._listener, *self._links, *([also] if also else [])]
        writable = [link for link in self._links if link.unsent]
        ready, sendable, _ = select.select(readable, writable, [], timeout_seconds)
        for link in sendable:
            link.send()
        for item in ready:
            if item is self._listener:
                self._accept()
            elif isinstance(item, Link):
                self._read(item)
        return also is not None and also in ready

    def close(self) -> None:
        """Hang up."""
        for link in self._links:
            link.socket.close()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            accepted, _ = self._listener.accept()
            accepted.setblocking(False)
            self._links.append(Link(accepted))

    def _read(self, link: Link) -> None:
        try:
            data = link.socket.recv(2**20)
            if not data:
                raise ConnectionError("closed")
            for message in link.unpacker.feed(data):
                _hear(link, *message)
            if len(link.unsent) > _MOST_UNSENT_BYTES:
                raise ConnectionError("does not read")
        except BlockingIOError:
            return
        except (OSError, ValueError, TypeError) as error:
            if str(error) != "closed":
                log.warning("receiver hung up slot=%d reason=%s", link.slot, error)
            link.socket.close()
            self._links.remove(link)


def _hear(link: Link, kind: int, *said: Any) -> None:
    if kind == wire.Say.HELLO:
        journal, link.slot, link.directory_number = said
        link.journal = UUID(bytes=journal)
    elif kind == wire.Say.END:
        segment, offset, time_us = said
        link.end = Place(segment, offset)
        link.end_time = _EPOCH + timedelta(microseconds=time_us)
    else:
        raise ValueError(f"unknown message {kind}")
