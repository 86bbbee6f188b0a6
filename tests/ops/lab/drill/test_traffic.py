"""The traffic, at a server that fails for a while."""

import asyncio
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from ops.lab.authority import make_pair
from ops.lab.drill import load, traffic

YES, NO, AWAY = b"200 OK", b"500 Internal Server Error", b"503 Service Unavailable"


class Server:
    """Answers what is next in the list, for ever the last one; keeps the request lines."""

    def __init__(self, pem: Path, answers: list[bytes]) -> None:
        self._answers, self.asked = answers, list[str]()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(pem)
        self.port = 0

    async def serve(self, is_up: asyncio.Event, over: asyncio.Event) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        is_up.set()
        async with server:
            await over.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.asked.append(head)
                answer = self._answers[0]
                if len(self._answers) > 1:
                    del self._answers[0]
                writer.write(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


@contextmanager
def serving(pem: Path, answers: list[bytes]) -> Iterator[Server]:
    server, loop = Server(pem, answers), asyncio.new_event_loop()
    is_up, over = asyncio.Event(), asyncio.Event()
    thread = Thread(target=lambda: loop.run_until_complete(server.serve(is_up, over)))
    thread.start()
    asyncio.run_coroutine_threadsafe(is_up.wait(), loop).result(30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()


def said_after(
    pem: Path, answers: list[bytes], kind: str, requests: int
) -> tuple[dict[str, Any], list[str]]:
    """Have one kept client ask so often; return what it says, and what it asked."""
    with serving(pem, answers) as server:
        door = ("here", "127.0.0.1")
        mine = load.stream(
            kind, door, ["/one", "/two"], is_kept=True, pause_seconds=0.01, headers={"X-Who": "me"}
        )
        asked = load.asked(pem.read_text(), [mine]) | {"port": server.port}
        process = subprocess.Popen(
            [sys.executable, "-I", str(Path(traffic.__file__))], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while len(server.asked) < requests and time.monotonic() < deadline:
            time.sleep(0.01)
        out, _ = process.communicate("over\n", timeout=60)
    return json.loads(out), server.asked


def trusted(folder: Path) -> Path:
    pair, pem = make_pair(load.SITE), folder / "all.pem"
    pem.write_text(pair.certificate + pair.key + pair.authority)
    return pem


def test_failures_of_one_kind_in_a_row_are_a_spell(tmp_path: Path) -> None:
    answers = [YES, NO, NO, NO, AWAY, YES, NO, YES]
    said, asked = said_after(trusted(tmp_path), answers, "pages", 10)
    spells = [(one["what"], one["requests"]) for one in said["spells"]]
    assert spells == [("500", 3), ("503", 1), ("500", 1)]
    assert all(one["seconds"] > 0 for one in said["spells"])
    assert (said["failed"], said["by_kind"]) == (5, {"500": 4, "503": 1})
    assert said["acknowledged"] == []
    assert asked[0].startswith("GET /one HTTP/1.1\r\nHost: stillhere.test\r\n")
    assert "X-Who: me\r\n" in asked[0]


def test_a_ping_is_acknowledged_by_a_yes_alone(tmp_path: Path) -> None:
    said, asked = said_after(trusted(tmp_path), [YES, AWAY, YES], "pings", 5)
    sent = [head.split("rid=")[1].split(" ")[0] for head in asked]
    assert said["acknowledged"] == [sent[0], *sent[2:]]
    assert "Host: ping.stillhere.test\r\n" in asked[0]
