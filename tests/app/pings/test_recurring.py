"""Pings that came before are known by their bytes (app/pings/recurring.py)."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest
import uvloop

from app.pings import recurring
from app.pings.directory import Changes
from app.pings.frames import Entry
from tests.app.pings.test_connection import CODE, Running, logged, ping, running

OTHER = UUID("12345678-1234-4234-8234-123456789abc")


async def answers(run: Running, *requests: bytes) -> list[bytes]:
    """Send one request after the other on one connection; return the answers."""
    reader, writer = await run.open()
    found = []
    for request in requests:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        found.append(head + await reader.readexactly(0 if request[:4] == b"HEAD" else length))
    writer.close()
    return found


def heads(run: Running) -> int:
    """Return how many heads are remembered."""
    return len(run.server._recurring._young) + len(run.server._recurring._old)


def what(entry: Entry) -> tuple[object, ...]:
    """Return all of an entry but its time."""
    one = entry.event
    said = (one.action, one.exit_status, one.rid, one.scheme, one.method, one.remote_addr)
    return (entry.target, *said, one.user_agent, one.body, entry.known, entry.create, entry.asks)


@pytest.mark.parametrize(
    "request_line",
    ["GET /ping/{}", "HEAD /ping/{}", "POST /ping/{}/fail", "PUT /ping/{}/7?x=1", "GET /ping/{}/"],
)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9"])
def test_the_second_ping_means_what_the_first_did(
    tmp_path: Path, request_line: str, version: str
) -> None:
    one = f"{request_line.format(CODE)} {version}\r\nUser-Agent: cron \xe4\r\n\r\n"
    other = one.replace(str(CODE), str(OTHER))

    async def scenario() -> None:
        async with running(tmp_path) as run:
            run.intake.directory.apply(Changes(2, [(OTHER.bytes, 1, "")]))
            packed = [text.encode("latin-1") for text in (one, one, other)]
            first, *again = await answers(run, *packed)
            assert heads(run) == 1
            assert run.server._recurring.find("127.0.0.1", packed[-1]) is not None
            assert again == [first, first]

    uvloop.run(scenario())
    first, second, third = logged(tmp_path)
    assert what(first) == what(second)
    assert third.target == OTHER.bytes
    assert what(first)[1:] == what(third)[1:]
    assert first.event.received_at < second.event.received_at < third.event.received_at


def test_a_ping_like_one_before_brings_its_own_body(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            for request in (ping(body=b"one"), ping(body=b"two"), ping(body=b"six")):
                writer.write(request)
                await reader.readuntil(b"\r\n\r\nOK")
            late = ping(body=b"ten")
            writer.write(late[:-1])  # not all of it is here: the parser's
            await asyncio.sleep(0.05)
            writer.write(late[-1:])
            await reader.readuntil(b"\r\n\r\nOK")
            writer.close()
            assert heads(run) == 1

    uvloop.run(scenario())
    assert [entry.event.body for entry in logged(tmp_path)] == [b"one", b"two", b"six", b"ten"]


def test_an_unknown_check_is_asked_for_whatever_came_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            request = ping().replace(str(CODE).encode(), str(OTHER).encode())
            await answers(run, ping(), ping(), request)

    uvloop.run(scenario())
    assert [entry.known for entry in logged(tmp_path)] == [True, True, False]


@pytest.mark.parametrize(
    "request_bytes",
    [
        ping("Expect: 100-continue", body=b"x"),
        ping("Upgrade: h2c", "Connection: upgrade"),
        f"GET /ping/{CODE} HTTP/1.1\n\nGET /ping/{CODE} HTTP/1.1\r\n\r\n".encode(),
        f"\r\nGET /ping/{CODE} HTTP/1.1\r\n\r\n".encode(),
        f"POST /ping/{CODE} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
        f"GET /ping/{CODE}?rid={OTHER} HTTP/1.1\r\n\r\n".encode(),
        f"GET /ping/{CODE}/256 HTTP/1.1\r\n\r\n".encode(),
        f"GET /ping/{CODE}/nonsense HTTP/1.1\r\n\r\n".encode(),
        ping() + ping(),
        ping(body=b"x" * 100_001),
        ping("X: " + "y" * recurring.MOST_HEAD_BYTES),
    ],
)
def test_what_is_more_than_one_plain_ping_is_left_to_the_parser(
    tmp_path: Path, request_bytes: bytes
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            writer.write(request_bytes)
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            await asyncio.sleep(0.05)
            assert heads(run) == 0
            writer.close()

    uvloop.run(scenario())


def test_requests_behind_a_ping_like_one_before_are_answered_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            reader, writer = await run.open()
            for _ in range(2):
                writer.write(ping())
                await reader.readuntil(b"\r\n\r\nOK")
            connection = next(iter(run.server._connections))
            # Both within one turn of the loop: the first is not answered when the second comes.
            connection.data_received(ping())
            assert connection._answers.again is not None
            missing = b"GET /ping/x HTTP/1.1\r\nConnection: close\r\n\r\n"
            connection.data_received(missing)
            got = await asyncio.wait_for(reader.read(-1), 5)
            assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404"]
            writer.close()

    uvloop.run(scenario())


def test_the_last_request_of_a_connection_closes_it_every_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            said = [await run.exchange(ping("Connection: close")) for _ in range(3)]
            assert heads(run) == 1
            assert said[0].endswith(b"OK")
            assert said == said[:1] * 3

    uvloop.run(scenario())


def test_heads_that_come_once_do_not_push_out_those_that_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recurring, "MOST_HEADS", 10)

    async def scenario() -> None:
        async with running(tmp_path) as run:
            for number in range(40):
                await answers(run, ping(), ping(f"User-Agent: {number}"))
                assert heads(run) <= 20
            kept = {**run.server._recurring._young, **run.server._recurring._old}
            head = ping().replace(str(CODE).encode(), b"")
            assert ("127.0.0.1", head) in kept

    uvloop.run(scenario())
