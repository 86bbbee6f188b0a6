"""How pages are reached (app/pings/relay.py)."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from app.pings import relay
from tests.app.pings.test_connection import ping, running


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the request as it came."""
    try:
        said = await _whole_request(reader)
    except asyncio.IncompleteReadError:
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(said))
    writer.write(said)
    await writer.drain()
    writer.close()


async def _whole_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"chunked" in head:
        return head + await reader.readuntil(b"0\r\n\r\n")
    if b"content-length: " in head:
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return head + await reader.readexactly(length)
    return head


def test_what_is_no_ping_is_passed_to_the_pages_with_our_own_word_on_the_client(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with running(tmp_path, _echo) as run:
            request = (
                b"POST /checks/?a=%20b HTTP/1.1\r\nHost: still.example\r\nCookie: a=b\r\n"
                b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
                b"Connection: upgrade\r\nUpgrade: h2c\r\nX-Real-IP: 1.1.1.1\r\n"
                b"Content-Length: 5\r\n\r\nhello"
            )
            answer = await run.exchange(request)
            said = answer.partition(b"\r\n\r\n")[2].decode()
            assert said.startswith("POST /checks/?a=%20b HTTP/1.1\r\nhost: still.example\r\n")
            assert said.endswith("\r\n\r\nhello")
            assert "\r\nx-forwarded-for: 203.0.113.9\r\n" in said
            assert "\r\nx-forwarded-proto: https\r\n" in said
            assert "\r\ncookie: a=b\r\n" in said
            assert "\r\nconnection: close\r\n" in said
            assert "upgrade" not in said
            assert "1.1.1.1" not in said

    uvloop.run(scenario())


def test_a_stranger_does_not_say_who_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, _echo) as run:
            run.server.trusted = ()
            request = (
                b"GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9\r\n"
                b"X-Forwarded-Proto: https\r\n\r\n"
            )
            said = await run.exchange(request)
            assert b"x-forwarded-for: 127.0.0.1\r\n" in said
            assert b"x-forwarded-proto: http\r\n" in said

    uvloop.run(scenario())


def test_a_chunked_form_reaches_the_pages_whole(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, _echo) as run:
            request = (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
            )
            said = await run.exchange(request)
            assert said.count(b"transfer-encoding: chunked") == 1
            assert said.endswith(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")

    uvloop.run(scenario())


def test_pings_before_a_page_on_one_connection_are_answered_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, _echo) as run:
            answer = await run.exchange(ping() + ping() + b"GET /page HTTP/1.1\r\n\r\n" + ping())
            assert answer.count(b"\r\n\r\nOK") == 2
            assert answer.index(b"GET /page") > answer.rindex(b"\r\n\r\nOK")

    uvloop.run(scenario())


def test_a_large_page_to_a_slow_client_is_not_held_in_memory(tmp_path: Path) -> None:
    size, sent = 30_000_000, 0

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 100_000)
            sent += 100_000
            await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with running(tmp_path, large) as run:
            reader, writer = await run.open()
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.sleep(0.5)
            assert sent < size // 2
            whole = await asyncio.wait_for(reader.read(-1), 20)
            assert len(whole.partition(b"\r\n\r\n")[2]) == size
            writer.close()

    uvloop.run(scenario())


def test_pages_that_are_away_are_waited_for_and_then_excused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "RETRY_SECONDS", 0.4)

    async def scenario() -> None:
        async with running(tmp_path) as run:
            begin = time.monotonic()
            answer = await run.exchange(b"GET / HTTP/1.1\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Back in a moment" in answer
            assert time.monotonic() - begin > 0.3
            waiting = asyncio.create_task(run.exchange(b"GET / HTTP/1.1\r\n\r\n"))
            await asyncio.sleep(0.1)
            late = await asyncio.start_unix_server(_echo, run.server.pages_socket)
            assert (await waiting).startswith(b"HTTP/1.1 200 ")
            late.close()
            assert (await run.exchange(ping("Connection: close"))).endswith(b"OK")

    uvloop.run(scenario())


def test_a_form_for_pages_that_are_away_is_not_collected_in_memory(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            _, writer = await run.open()
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 7000000\r\n\r\n")
            writer.write(b"x" * 7_000_000)
            await asyncio.sleep(0.3)
            (held,) = run.server._connections
            passed_on = held._answers.requests[0].relay
            assert passed_on is not None
            assert len(passed_on._pending) < 1_000_000
            late = await asyncio.start_unix_server(_echo, run.server.pages_socket)
            await asyncio.wait_for(writer.drain(), 5)
            writer.close()
            late.close()

    uvloop.run(scenario())


def test_no_header_of_a_client_moves_the_pages(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, _echo) as run:
            odd = b"SCRIPT_NAME: /x\r\nPath_Info: /y\r\nX-Forwarded-Ssl: on\r\n"
            said = (await run.exchange(b"GET / HTTP/1.1\r\n" + odd + b"\r\n")).lower()
            for word in (b"script", b"path_info", b"ssl"):
                assert word not in said

    uvloop.run(scenario())


def test_a_form_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_BODY_BYTES", 1_000)

    async def scenario() -> None:
        async with running(tmp_path, _echo) as run:
            head = b"POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n"
            assert (await run.exchange(head + b"x" * 2_000)).startswith(b"HTTP/1.1 413 ")

    uvloop.run(scenario())
