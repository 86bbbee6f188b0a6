"""Latency between us and the database: `python -m tests.bench.ping.relay SOCKET MILLISECONDS`.

Listens on a port of its own on 127.0.0.1, which it prints, and passes every byte on to the
Unix socket SOCKET, half of the milliseconds later in each direction. Bytes are delayed, not
held up: whatever comes meanwhile is on its way too, so that throughput stays what it was.
"""

import asyncio
import contextlib
import sys
from collections import deque

import uvloop

CHUNK_BYTES = 256 * 1024
# More than is ever on its way in a tenth of a second; beyond it the sender waits.
MOST_UNDER_WAY_BYTES = 256 * 2**20


class UnderWay:
    """What is on its way in one direction: chunks, each with the time at which it arrives."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._changed = asyncio.Event()
        self._size = 0

    async def fill(self, reader: asyncio.StreamReader) -> None:
        """Take in everything, and the end (an empty chunk) like the rest."""
        loop, data = asyncio.get_running_loop(), b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except OSError:  # this end is gone
                data = b""
            self._chunks.append((loop.time() + self._delay_seconds, data))
            self._size += len(data)
            self._changed.set()
            while self._size > MOST_UNDER_WAY_BYTES:
                await asyncio.sleep(0.001)

    async def next(self) -> bytes:
        """Return the next chunk when its time has come; empty at the end."""
        while not self._chunks:
            self._changed.clear()
            await self._changed.wait()
        due, data = self._chunks[0]
        await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0))
        self._chunks.popleft()
        self._size -= len(data)
        return data


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: float
) -> None:
    """Pass everything on, each chunk `delay_seconds` after it came."""
    under_way = UnderWay(delay_seconds)
    filling = asyncio.create_task(under_way.fill(reader))
    with contextlib.suppress(OSError):  # the other end is gone: so is this direction
        while data := await under_way.next():
            writer.write(data)
            await writer.drain()
    filling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await filling
    writer.close()


async def relay(socket_path: str, delay_seconds: float) -> asyncio.Server:
    """Listen; the server's one socket says at which port."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(socket_path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            pass_on(reader, far_writer, delay_seconds), pass_on(far_reader, writer, delay_seconds)
        )

    return await asyncio.start_server(accept, "127.0.0.1", 0)


async def main() -> None:
    """Relay until we are ended."""
    server = await relay(sys.argv[1], float(sys.argv[2]) / 2_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
