"""A TCP relay to PostgreSQL that loses or holds the answer to a COMMIT.

It understands just enough of the frontend/backend protocol (PostgreSQL manual, "Message
Formats"): a message is a type byte and a length (u32, network order, which counts itself);
the first one of a connection has no type. COMMIT comes in a Query message, alone or with
other statements.

    python -m tests.torture.commit_relay HOST PORT SOCKET    relays, and loses nothing
"""

import asyncio
import contextlib
import re
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.parent_death import end_with_parent

_LENGTH = struct.Struct("!I")
_CHUNK = 2**16
_COMMIT = re.compile(rb"(?<![A-Z_a-z])COMMIT(?![A-Z_a-z])")  # no part of another name
_COMMITTED = b"COMMIT\0"  # in the CommandComplete message


class Mishap(StrEnum):
    """What happens to a COMMIT."""

    ANSWER_DROPPED = "answer dropped"  # the server commits; the connection breaks
    REQUEST_DROPPED = "request dropped"  # the server never hears of it
    ANSWER_HELD = "answer held"  # the server commits; no byte comes any more
    REQUEST_HELD = "request held"  # the server never hears of it; no byte comes any more


@dataclass(slots=True)
class Messages:
    """Cuts what a client sends into messages."""

    buffer: bytearray = field(default_factory=bytearray)
    is_started: bool = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes and yield the messages that became whole."""
        self.buffer += data
        while True:
            head = 1 if self.is_started else 0
            if len(self.buffer) < head + _LENGTH.size:
                return
            end = head + _LENGTH.unpack_from(self.buffer, head)[0]
            if len(self.buffer) < end:
                return
            message = bytes(self.buffer[:end])
            del self.buffer[:end]
            # SSLRequest and its kin have codes 1234.xxxx; a startup message follows them.
            self.is_started |= head == 0 and message[4:6] != b"\x04\xd2"
            yield message


def has_commit(message: bytes) -> bool:
    """Return True for a Query message that commits."""
    return message[:1] == b"Q" and _COMMIT.search(message) is not None


class CommitRelay:
    """Relays; each mishap that is planned happens to the next COMMIT, in order.

    `happened`: those that did, once the server has done its part.
    """

    def __init__(self, target: Path) -> None:
        self.port = 0
        self.planned: list[Mishap] = []
        self.happened: list[Mishap] = []
        self._target = target

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Begin to listen."""
        server = await asyncio.start_server(self._serve_one, host, port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled: the case is over, and this is where its task ends.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            server = await asyncio.open_unix_connection(str(self._target))
            await _Connection(self, (reader, writer), server).relay()
        writer.transport.abort()


@dataclass(slots=True)
class _Connection:
    """One client, and the server's end that it was given."""

    owner: CommitRelay
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    mishap: Mishap | None = None

    async def relay(self) -> None:
        """Relay until one of the two ends, or a mishap ends both."""
        up, down = asyncio.ensure_future(self._up()), asyncio.ensure_future(self._down())
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            self.client[1].transport.abort()
            if self.mishap in (Mishap.ANSWER_HELD, Mishap.REQUEST_HELD):
                # A server behind a dead network does not hear that its client is gone (its
                # keep-alives begin after two hours): its locks stand until it gives up itself.
                await down
        finally:
            up.cancel()
            down.cancel()
            self.client[1].transport.abort()
            self.server[1].transport.abort()

    async def _up(self) -> None:
        messages = Messages()
        while data := await self.client[0].read(_CHUNK):
            for message in messages.feed(data):
                if self.mishap is None and self.owner.planned and has_commit(message):
                    self.mishap = self.owner.planned.pop(0)
                if self.mishap in (Mishap.REQUEST_DROPPED, Mishap.REQUEST_HELD):
                    self._happened()
                    if self.mishap is Mishap.REQUEST_DROPPED:
                        return
                    continue
                self.server[1].write(message)
            await self.server[1].drain()

    async def _down(self) -> None:
        swallowed = b""
        while data := await self.server[0].read(_CHUNK):
            if self.mishap is None:
                self.client[1].write(data)
                await self.client[1].drain()
                continue
            swallowed += data
            if _COMMITTED in swallowed:
                self._happened()
                if self.mishap is Mishap.ANSWER_DROPPED:
                    return

    def _happened(self) -> None:
        assert self.mishap is not None
        self.owner.happened.append(self.mishap)


@contextlib.contextmanager
def running_relay(target: Path) -> Iterator[CommitRelay]:
    """Run a relay in a thread, on a port of the loopback address."""
    relay, loop = CommitRelay(target), asyncio.new_event_loop()
    server = loop.run_until_complete(relay.serve("127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.close()


async def _serve(host: str, port: int, target: Path) -> None:
    server = await CommitRelay(target).serve(host, port)
    await server.serve_forever()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
