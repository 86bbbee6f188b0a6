"""The relay that puts the database far away."""

import asyncio
import contextlib
import os
import time
from pathlib import Path

from tests.bench.ping import relay

DELAY_SECONDS = 0.2
CHUNKS = 100


def test_bytes_are_delayed_each_way_and_whatever_comes_meanwhile_is_on_its_way_too(
    tmp_path: Path,
) -> None:
    """One chunk after the other would take 100 times as long as one."""
    asyncio.run(_exchange(tmp_path / "echo"))


async def _exchange(path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    echoing = await asyncio.start_unix_server(echo, path)
    relaying = await relay.relay(str(path), DELAY_SECONDS)
    port = relaying.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begin = time.monotonic()
    writer.write(b"ping")
    assert await reader.readexactly(4) == b"ping"
    assert time.monotonic() - begin >= 2 * DELAY_SECONDS
    sent, begin = os.urandom(CHUNKS * 1_000), time.monotonic()
    for number in range(CHUNKS):
        writer.write(sent[number * 1_000 : (number + 1) * 1_000])
        await asyncio.sleep(0.005)
    assert await reader.readexactly(len(sent)) == sent
    assert time.monotonic() - begin < CHUNKS * DELAY_SECONDS / 2
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    for server in (relaying, echoing):
        server.close()
