"""Pings at given times, each when it is due whatever became of the others: an open loop.

Most on a connection of their own, which is closed behind the answer, as curl in a cron job does;
a share on kept ones. How late the client itself was is counted, so that nobody takes its
own slowness for the service's.
"""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import cycle

import uvloop

KEPT_SHARE = 0.25
KEPT_CONNECTIONS = 50
GIVE_UP_SECONDS = 30.0


@dataclass(slots=True)
class Counted:
    """What came of the pings. Times are seconds."""

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    latest: float = 0.0  # how far the client fell behind its own plan


def run(port: int, begin: float, times: list[float], codes: list[str]) -> Counted:
    """Send a ping at each of the times (seconds after `begin`, of the wall clock)."""
    return uvloop.run(_run(port, begin, times, codes))


async def _run(port: int, begin: float, times: list[float], codes: list[str]) -> Counted:
    counted = Counted()
    kept = cycle([_Kept(port, counted) for _ in range(KEPT_CONNECTIONS)])
    waiting: set[asyncio.Task[None]] = set()
    code = cycle(codes)
    for n, due in enumerate(times):
        wait = begin + due - time.time()
        if wait > 0.001:
            await asyncio.sleep(wait)
        elif n % 64 == 0:
            await asyncio.sleep(0)  # behind plan, and yet answers are to be read
        counted.latest = max(counted.latest, -wait)
        counted.sent += 1
        if n % 100 < KEPT_SHARE * 100:
            task = asyncio.create_task(next(kept).ping(next(code)))
        else:
            task = asyncio.create_task(_alone(port, next(code), counted))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    if waiting:
        await asyncio.wait(waiting, timeout=GIVE_UP_SECONDS)
    counted.answers["none"] += len(waiting)
    return counted


class _Answer(asyncio.Protocol):
    """Hands each answer's status to whom it belongs; all answers are short and come whole."""

    def __init__(self) -> None:
        self.asked: deque[asyncio.Future[str]] = deque()

    def data_received(self, data: bytes) -> None:
        for part in data.split(b"HTTP/1.1 ")[1:]:
            if self.asked and not (future := self.asked.popleft()).done():
                future.set_result(part[:3].decode())

    def connection_lost(self, error: Exception | None) -> None:
        while self.asked:
            if not (future := self.asked.popleft()).done():
                future.set_result("reset" if error else "closed")


async def _alone(port: int, code: str, counted: Counted) -> None:
    begin = time.monotonic()
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_connection(_Answer, "127.0.0.1", port)
    except OSError as error:
        counted.answers[type(error).__name__] += 1
        return
    answer = loop.create_future()
    protocol.asked.append(answer)
    transport.write(f"GET /ping/{code} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    counted.answers[await answer] += 1
    counted.latencies.append(time.monotonic() - begin)
    transport.close()


class _Kept:
    """A connection that is kept; several pings may be under way on it."""

    def __init__(self, port: int, counted: Counted) -> None:
        self._port, self._counted = port, counted
        self._lock = asyncio.Lock()
        self._line: tuple[asyncio.WriteTransport, _Answer] | None = None

    async def ping(self, code: str) -> None:
        begin = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            async with self._lock:
                if self._line is None or self._line[0].is_closing():
                    self._line = await loop.create_connection(_Answer, "127.0.0.1", self._port)
        except OSError as error:
            self._counted.answers[type(error).__name__] += 1
            return
        transport, protocol = self._line
        answer = loop.create_future()
        protocol.asked.append(answer)
        transport.write(f"GET /ping/{code} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self._counted.answers[await answer] += 1
        self._counted.latencies.append(time.monotonic() - begin)
