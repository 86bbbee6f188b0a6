"""Pings and pages at a constant rate through the doors of a fleet; runs on a host of the lab.

    {"site": ..., "pings": ..., "port": 443, "trusted": PEM, "streams":
     [{"kind": "pings", "door": [name, address], "targets": [path, ...], "is_kept": false,
       "pause_seconds": 0.2, "headers": {...}}, ...]}                 the first line of stdin
    ... any second line ends it, and a line of JSON comes back:
    {"requests": n, "failed": n, "by_kind": {...}, "by_stream": {...},
     "acknowledged": [rid, ...], "seconds": {...},
     "spells": [{"kind", "what", "at", "seconds", "requests"}, ...]}

A stream is one door, one kind of request, on a new connection each time or on a kept one. Pings
and pages come at a constant rate. Slow ones take their time, and whoever restarts a server
without waiting cuts them off: pings whose body comes in pieces over SLOW_SECONDS, and pages that
are slow to answer.

Failed is every answer that is not 2xx or 3xx, every reset, every early end and every time-out;
`by_kind` has those, `by_stream` all requests. A spell is a stream's failures of one kind in a
row: it lasts until something else is answered. A kept connection that the other end has closed
before we ask again is no failure: a new one is made, as every client does. Only Python's own
library: a host of the lab has nothing else.
"""

import asyncio
import contextlib
import json
import random
import ssl
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

ANSWER_SECONDS = 15.0
SLOW_SECONDS = 4.0  # a receiver that is stopped waits for 1.5 s
_PIECES = 16
_PIECE = b"one more line of a backup's log\n"
_REDIRECTED = 400  # what is below is an answer that a client can use


@dataclass(slots=True)
class Counted:
    """What came of all requests so far."""

    by_stream: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    spells: list[dict[str, Any]] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def fail(self, kind: str, what: str) -> None:
        """Count a failure, and keep the first few as they were seen."""
        self.by_kind[kind] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{time.time():.1f} {what}")


class Stream:
    """Requests of one kind through one door, one after the other."""

    def __init__(
        self, asked: dict[str, Any], stream: dict[str, Any], trusting: ssl.SSLContext,
        counted: Counted,
    ) -> None:  # fmt: skip
        self._door, self._address = stream["door"]
        self._kind, self._is_kept = stream["kind"], stream["is_kept"]
        self._targets, self._pause_seconds = cycle(stream["targets"]), stream["pause_seconds"]
        more = {"User-Agent": "traffic", **stream.get("headers", {})}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        self._asked, self._counted, self._context = asked, counted, trusting
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._spell: dict[str, Any] | None = None

    async def run(self, over: asyncio.Event) -> None:
        """Ask at a constant rate until it is over; a slow answer does not slow the rest."""
        # Streams of one rate begin spread over one pause, not all at once.
        due = time.monotonic() + random.random() * self._pause_seconds  # noqa: S311
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), max(0.0, due - time.monotonic()))
                break
            due = max(due + self._pause_seconds, time.monotonic())
            await self._ask(next(self._targets))
        self._tell("")
        self._close()

    async def _ask(self, target: str) -> None:
        rid, is_ping = str(uuid.uuid4()), "pings" in self._kind
        path = f"/ping/{target}?rid={rid}" if is_ping else target
        name = self._asked["pings" if is_ping else "site"]
        begin = time.monotonic()
        self._counted.by_stream[self._kind] += 1
        try:
            is_dribbled = self._kind == "slow pings"
            async with asyncio.timeout(ANSWER_SECONDS + SLOW_SECONDS * is_dribbled):
                status = await self._exchange(name, path, is_dribbled=is_dribbled)
        except (
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ValueError,
        ) as error:
            self._close()
            what = "time-out" if isinstance(error, TimeoutError) else type(error).__name__
            self._fail(what, repr(error))
            return
        if "slow" not in self._kind:
            self._counted.seconds.append(time.monotonic() - begin)
        if status >= _REDIRECTED:
            self._fail(str(status))
        else:
            self._tell("")
            if is_ping:
                self._counted.acknowledged.append(rid)
        if not self._is_kept:
            self._close()

    def _fail(self, what: str, detail: str = "") -> None:
        where = f"{self._door} {self._kind} {'kept' if self._is_kept else 'new'}"
        self._counted.fail(what, f"{where} {what} {detail}".strip())
        self._tell(what)

    def _tell(self, what: str) -> None:
        """Note what was answered now, "" for what a client can use: a spell ends or begins."""
        now = time.time()
        if self._spell and self._spell["what"] != what:
            self._spell["seconds"] = now - self._spell["at"]
            self._spell = None
        if what and not self._spell:
            self._spell = {"kind": self._kind, "what": what, "at": now, "requests": 0}
            self._counted.spells.append(self._spell)
        if self._spell:
            self._spell["requests"] += 1

    async def _exchange(self, name: str, path: str, *, is_dribbled: bool) -> int:
        reader, writer = await self._connected()
        headed = f"{path} HTTP/1.1\r\nHost: {name}\r\n{self._headers}"
        if is_dribbled:
            length = f"Content-Length: {_PIECES * len(_PIECE)}\r\n"
            writer.write(f"POST {headed}{length}\r\n".encode())
            await _dribble(writer)
        else:
            writer.write(f"GET {headed}\r\n".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readuntil(b"\r\n")
        else:
            await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self._close()
        return status

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._line and self._line[0].at_eof():
            self._close()
        if not self._line:
            self._line = await asyncio.open_connection(
                self._address,
                self._asked["port"],
                ssl=self._context,
                server_hostname=self._asked["site"],
            )
        return self._line

    def _close(self) -> None:
        if self._line:
            self._line[1].close()
            self._line = None


async def _dribble(writer: asyncio.StreamWriter) -> None:
    for _ in range(_PIECES):
        await asyncio.sleep(SLOW_SECONDS / _PIECES)
        writer.write(_PIECE)
        await writer.drain()


async def main() -> None:
    """Run all streams until another line comes, or the end of stdin."""
    lines = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    asked = json.loads(await lines.readline())
    over, counted = asyncio.Event(), Counted()
    trusting = ssl.create_default_context(cadata=asked["trusted"])
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for stream in asked["streams"]:
            group.create_task(Stream(asked, stream, trusting, counted).run(over))
        await lines.readline()
        over.set()
    times = sorted(counted.seconds) or [0.0]
    said = {
        "requests": counted.by_stream.total(),
        "failed": counted.by_kind.total(),
        "by_kind": dict(counted.by_kind),
        "by_stream": dict(counted.by_stream),
        "spells": counted.spells,
        "examples": counted.examples,
        "acknowledged": counted.acknowledged,
        "lasted_seconds": time.monotonic() - begin,
        "seconds": {"p50": _at(times, 0.5), "p99": _at(times, 0.99), "max": times[-1]},
    }
    sys.stdout.write(json.dumps(said) + "\n")


def _at(times: list[float], part: float) -> float:
    return times[int(part * (len(times) - 1))]


if __name__ == "__main__":
    asyncio.run(main())
