"""What a client may cost (app/pings/connection.py, request_parser.py)."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
import uvloop

from app.pings import connection, journal, journal_reader
from app.pings.connection import Connection
from app.pings.directory import Changes, Directory
from app.pings.frames import Entry
from app.pings.intake import Intake
from app.pings.journal import Journal, Place
from app.pings.receiver import Receiver

CODE = UUID(int=5)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Pages = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Running:
    """A receiver in this process, listening on a port of its own."""

    def __init__(self, server: Receiver, intake: Intake, port: int) -> None:
        self.server, self.intake, self.port = server, intake, port

    async def open(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, request: bytes) -> bytes:
        reader, writer = await self.open()
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(-1), 5)
        finally:
            writer.close()


@asynccontextmanager
async def running(tmp_path: Path, pages: Pages | None = None) -> AsyncIterator[Running]:
    writer = Journal(tmp_path / "journal", 0, limit_bytes=10**9, segment_bytes=10**7)
    directory = Directory()
    directory.apply(Changes(1, [(CODE.bytes, 1, "")], is_whole=True))
    intake = Intake(writer, directory)
    socket_path = str(tmp_path / "pages.sock")
    server = Receiver(intake, socket_path)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0)
    serving = await asyncio.start_unix_server(pages, socket_path) if pages else None
    try:
        yield Running(server, intake, listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        if serving is not None:
            serving.close()
        await server.stop()
        await intake.close()


def ping(*headers: str, body: bytes = b"") -> bytes:
    lines = [f"POST /ping/{CODE} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def expire(run: Running) -> None:
    for one in list(run.server._connections):
        one.expire(time.monotonic() + connection.REQUEST_SECONDS + 1)


@pytest.mark.parametrize("half", [b"GET /ping/", b"GET / HTTP/1.1\r\nHo", ping(body=b"1234")[:-2]])
def test_a_client_that_never_finishes_is_told_so(tmp_path: Path, half: bytes) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            writer.write(half)
            await asyncio.sleep(0.05)
            expire(run)
            answer = await asyncio.wait_for(reader.read(-1), 5)
            assert answer.startswith(b"HTTP/1.1 408 ")
            writer.close()

    uvloop.run(scenario())


def test_an_idle_connection_is_closed_without_a_word(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            writer.write(ping())
            assert (await reader.readuntil(b"\r\n\r\nOK")).startswith(b"HTTP/1.1 200")
            now = time.monotonic()
            for one in list(run.server._connections):
                one.expire(now + connection.IDLE_SECONDS + 1)
            assert await asyncio.wait_for(reader.read(-1), 5) == b""
            writer.close()

    uvloop.run(scenario())


def test_a_head_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            writer.write(b"GET /ping/x HTTP/1.1\r\nX: ")
            for _ in range(300):
                writer.write(b"y" * 1_000)
                await asyncio.sleep(0)
            assert (await asyncio.wait_for(reader.read(-1), 5)).startswith(b"HTTP/1.1 431 ")
            writer.close()

    uvloop.run(scenario())


def test_what_waits_for_us_is_not_closed_and_more_of_it_than_fits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            run.server._most_connections = 2
            disk = threading.Event()
            append = run.intake._journal.append
            monkeypatch.setattr(
                run.intake._journal, "append", lambda frames: disk.wait(5) and append(frames)
            )
            held = [await run.open() for _ in range(2)]
            for _, writer in held:
                writer.write(ping())
            await asyncio.sleep(0.1)
            assert (await run.exchange(b"")).startswith(b"HTTP/1.1 503 ")
            disk.set()
            for reader, writer in held:
                await reader.readuntil(b"\r\n\r\nOK")
                writer.close()
            assert (await run.exchange(ping("Connection: close"))).endswith(b"OK")

    uvloop.run(scenario())


def test_a_new_client_gets_the_place_of_the_one_that_is_silent_for_longest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            run.server._most_connections = 3
            first, second, third = [await run.open() for _ in range(3)]
            for reader, writer in (third, first):
                writer.write(ping())
                await reader.readuntil(b"\r\n\r\nOK")
            assert (await run.exchange(ping("Connection: close"))).endswith(b"OK")
            assert await asyncio.wait_for(second[0].read(-1), 5) == b""
            for reader, writer in (third, first):
                writer.write(ping())
                await reader.readuntil(b"\r\n\r\nOK")
            for _, writer in (first, second, third):
                writer.close()

    uvloop.run(scenario())


def test_a_client_that_asks_much_at_once_is_read_from_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            for _ in range(3):
                writer.write(ping() * 200)
                for _ in range(200):
                    await asyncio.wait_for(reader.readuntil(b"\r\n\r\nOK"), 5)
            writer.close()

    uvloop.run(scenario())


def test_a_request_with_many_fields_is_a_ping(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            fields = "&tag=a" * 500
            request = f"GET /ping/{CODE}?{fields} HTTP/1.1\r\nConnection: close\r\n\r\n".encode()
            assert (await run.exchange(request)).endswith(b"OK")

    uvloop.run(scenario())


def test_a_fault_of_ours_is_answered_and_the_connection_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            with monkeypatch.context() as broken:
                broken.setattr(run.server, "take", None)
                assert (await run.exchange(ping("Connection: close"))).startswith(b"HTTP/1.1 500")
            assert (await run.exchange(ping("Connection: close"))).endswith(b"OK")

    uvloop.run(scenario())


def test_an_absolute_address_is_taken_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            request = f"GET http://x.example:80/ping/{CODE} HTTP/1.1\r\nConnection: close\r\n\r\n"
            assert (await run.exchange(request.encode())).endswith(b"OK")

    uvloop.run(scenario())


def test_a_trailer_does_not_say_who_the_client_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            head = (
                f"POST /ping/{CODE} HTTP/1.1\r\nConnection: close\r\n"
                "X-Forwarded-For: 203.0.113.9\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            trailers = "1\r\nx\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nUser-Agent: evil\r\n\r\n"
            assert (await run.exchange((head + trailers).encode())).endswith(b"OK")
        (kept,) = logged(tmp_path)
        assert (kept.event.remote_addr, kept.event.user_agent) == ("203.0.113.9", "")

    uvloop.run(scenario())


@pytest.mark.parametrize("version", ["HTTP/1.1\r\nConnection: close, upgrade", "HTTP/1.0"])
def test_a_wish_for_another_protocol_keeps_no_connection_open(tmp_path: Path, version: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            request = f"GET /ping/{CODE} {version}\r\nUpgrade: h2c\r\n\r\n".encode()
            assert (await run.exchange(request)).endswith(b"OK")

    uvloop.run(scenario())


def logged(tmp_path: Path) -> list[Entry]:
    identity = journal.read_identity(tmp_path / "journal")
    assert identity is not None
    batch = journal_reader.read(tmp_path / "journal", identity, Place(), until=None)
    return [entry for entry, _ in batch.entries]


def test_a_wish_for_another_protocol_costs_no_body_and_what_follows_the_end_is_not_read(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: A")
            last = ping("Connection: close", body=b"last")
            answer = await run.exchange(ping(*wish, body=b"first") + last + ping(body=b"after"))
            assert answer.count(b"\r\n\r\nOK") == 2
        assert [entry.event.body for entry in logged(tmp_path)] == [b"first", b"last"]

    uvloop.run(scenario())
