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


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: float
) -> None:
    """Pass everything on, each chunk `delay_seconds` after it came, and the end like the rest."""
    loop = asyncio.get_running_loop()
    under_way: deque[tuple[float, bytes]] = deque()
    changed, size = asyncio.Event(), 0

    async def read() -> None:
        nonlocal size
        data = b"-"
        while data:
            data = await reader.read(CHUNK_BYTES)
            under_way.append((loop.time() + delay_seconds, data))
            size += len(data)
            changed.set()
            while size > MOST_UNDER_WAY_BYTES:
                await asyncio.sleep(0.001)

    reading = loop.create_task(read())
    try:
        while True:
            while not under_way:
                changed.clear()
                await changed.wait()
            due, data = under_way[0]
            await asyncio.sleep(max(due - loop.time(), 0))
            under_way.popleft()
            size -= len(data)
            if not data:
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        return  # the other end is gone: so is this direction
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await reading
        with contextlib.suppress(OSError):
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
