"""Bodies: the first bytes are kept, and all together stay within a bound (app/pings/bodies.py)."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from app.pings import bodies, connection
from app.pings.bodies import Bodies, Lease
from tests.app.pings.test_connection import CODE, Running, logged, ping, running


def test_a_body_waits_for_the_room_that_others_take(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            run.server.bodies = Bodies(250_000)
            held = [await run.open() for _ in range(2)]
            for _, writer in held:
                writer.write(ping(body=b"x" * 120_000)[:-20_000])
            await asyncio.sleep(0.1)
            reader, writer = await run.open()
            body = b"y" * 90_000
            writer.write(ping("Connection: close", "Expect: 100-continue", body=body)[:-90_000])
            await asyncio.sleep(0.1)
            (waiting,) = [one for one in run.server._connections if one._answers.wait_for_room]
            waiting.expire(time.monotonic() + connection.REQUEST_SECONDS + 1)
            assert run.server.bodies.used_bytes == 200_000
            assert (await run.exchange(ping("Connection: close", body=b"small"))).endswith(b"OK")
            held[0][1].close()  # one that never sent the rest gives its room back too
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(body)
            assert (await reader.read(-1)).endswith(b"OK")
            writer.close()
            held[1][1].close()
            await asyncio.sleep(0.05)
            assert run.server.bodies.used_bytes == 0
        assert [entry.event.body for entry in logged(tmp_path)] == [b"small", body]

    uvloop.run(scenario())


def test_many_large_bodies_at_once_are_all_taken_within_the_bound(tmp_path: Path) -> None:
    most = 0

    class Watched(Bodies):
        def _grant(self, lease: Lease) -> None:
            nonlocal most
            super()._grant(lease)
            most = max(most, self.used_bytes)

    async def one(run: Running, number: int) -> bytes:
        reader, writer = await run.open()
        body = b"%4d" % number * 30_000
        head, _, rest = ping("Connection: close", body=body).partition(b"\r\n\r\n")
        for part in (head, b"\r\n\r\n", rest[:50_000], rest[50_000:]):
            writer.write(part)
            await asyncio.sleep(0.01)
        answer = await asyncio.wait_for(reader.read(-1), 60)
        writer.close()
        return answer

    async def scenario() -> None:
        async with running(tmp_path) as run:
            run.server.bodies = Watched(450_000)
            answers = await asyncio.gather(*(one(run, number) for number in range(60)))
            assert all(answer.endswith(b"\r\n\r\nOK") for answer in answers)
            assert run.server.bodies.used_bytes == 0

    uvloop.run(scenario())
    assert most == 400_000
    found = sorted(entry.event.body for entry in logged(tmp_path))
    assert found == sorted((b"%4d" % number * 30_000)[:100_000] for number in range(60))


def test_what_comes_together_with_its_head_is_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_AHEAD_BYTES", 150_000)

    async def scenario() -> None:
        async with running(tmp_path) as run:
            room = run.server.bodies = Bodies(100_000)
            opened = [await run.open() for _ in range(4)]
            try:
                for _, writer in opened:
                    writer.write(ping(body=b"x" * 90_000)[:-1])
                    await asyncio.sleep(0.1)
                assert 0 < room.ahead_bytes <= 150_000
                for _, writer in opened:
                    writer.write(b"x")
                heads = [
                    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) for reader, _ in opened
                ]
                assert {head.split(b" ")[1] for head in heads} == {b"200", b"503"}
            finally:
                for _, writer in opened:
                    writer.transport.abort()
            await asyncio.sleep(0.1)
            assert (room.ahead_bytes, room.used_bytes) == (0, 0)

    uvloop.run(scenario())


@pytest.mark.parametrize("size", [0, 3, 99_999, 100_000, 100_001, 400_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_first_bytes_of_a_body_are_kept_and_the_rest_is_read_away(
    tmp_path: Path, size: int, chunked: bool
) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    head = f"POST /ping/{CODE} HTTP/1.1\r\nExpect: 100-continue\r\n"
    if chunked:
        parts = [body[place : place + 7_000] for place in range(0, size, 7_000)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        head += "Transfer-Encoding: chunked\r\n\r\n"
    else:
        sent = body
        head += f"Content-Length: {size}\r\n\r\n"

    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            for _ in range(2):  # the connection goes on
                writer.write(head.encode())
                assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
                writer.write(sent)
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\nOK"), 20)
            writer.close()

    uvloop.run(scenario())
    assert [entry.event.body for entry in logged(tmp_path)] == [body[:100_000]] * 2
