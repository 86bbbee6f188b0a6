"""Requests at a rate: `python -m tests.bench.ping.open_loop PORT FILE RATE SECONDS`.

FILE has the paths. Requests are due at random moments (a Poisson process), whatever the answers
do; each goes out on a kept connection that is idle, or on a new one. The latency of an answer is
counted from the moment its request was due, so that a server that stalls is seen as it is met.
Prints a line of JSON. Plain sockets and select(): event loops wait in whole milliseconds.
"""

import json
import random
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

MOST_CONNECTIONS = 500  # select() ends at 1,024 descriptors
ANSWER_SECONDS = 10.0
_END = b"\r\n\r\n"


@dataclass(slots=True)
class Line:
    """A connection; `due` is when the request that it carries was to go out."""

    socket: socket.socket
    due: float = 0.0
    answer: bytes = b""

    def fileno(self) -> int:
        """Return the socket's number, for select()."""
        return self.socket.fileno()


@dataclass(slots=True)
class Counted:
    """What came of it."""

    seconds: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    by_status: Counter[str] = field(default_factory=Counter)


def whole_status(answer: bytes) -> int | None:
    """Return the status of an answer when all of it is there; None before."""
    head, found, body = answer.partition(_END)
    if not found:
        return None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(body) < int(value):
            return None
    return int(head[9:12])


class Client:
    """Sends what is due and takes what comes, in one thread."""

    def __init__(self, port: int, paths: Sequence[str]) -> None:
        self._port = port
        head = f"Host: 127.0.0.1:{port}\r\nUser-Agent: bench"
        self._requests = [f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode() for path in paths]
        self._idle: list[Line] = []
        self._busy: dict[int, Line] = {}
        self._waiting: deque[float] = deque()
        self._sent = 0
        self.counted = Counted()

    def run(self, rate: float, seconds: float, chance: random.Random) -> None:
        """Send for so long, then wait for the last answers."""
        try:
            self._run(rate, seconds, chance)
        finally:
            for line in (*self._idle, *self._busy.values()):
                line.socket.close()

    def _run(self, rate: float, seconds: float, chance: random.Random) -> None:
        now = time.monotonic()
        due, end = now + chance.expovariate(rate), now + seconds
        while due < end or self._busy or self._waiting:
            now = time.monotonic()
            while due <= now and due < end:
                self._waiting.append(due)
                due += chance.expovariate(rate)
            self._send(now)
            if now > end + ANSWER_SECONDS:
                self.counted.by_status["time-out"] += len(self._busy) + len(self._waiting)
                return
            self._take(max((due if due < end else now + 0.05) - time.monotonic(), 0))

    def _send(self, now: float) -> None:
        while self._waiting and (line := self._free_line()):
            line.due, line.answer = self._waiting.popleft(), b""
            self.counted.late.append(now - line.due)
            self._sent += 1
            try:
                line.socket.send(self._requests[self._sent % len(self._requests)])
            except OSError:  # the server has closed it meanwhile
                self.counted.by_status["closed"] += 1
                line.socket.close()
                continue
            self._busy[line.fileno()] = line

    def _free_line(self) -> Line | None:
        if self._idle:
            return self._idle.pop()
        if len(self._busy) >= MOST_CONNECTIONS:
            return None
        opened = socket.create_connection(("127.0.0.1", self._port), ANSWER_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Line(opened)

    def _take(self, timeout_seconds: float) -> None:
        ready, _, _ = select.select(self._busy.values(), [], [], timeout_seconds)
        for line in ready:
            try:
                data = line.socket.recv(65_536)
            except OSError:
                data = b""
            now = time.monotonic()
            line.answer += data
            status = whole_status(line.answer) if data else 0
            if status is None:
                continue
            del self._busy[line.fileno()]
            self.counted.by_status[str(status) if status else "closed"] += 1
            if status:
                self.counted.seconds.append(now - line.due)
                self._idle.append(line)
            else:
                line.socket.close()


def at(times: Sequence[float], part: float) -> float:
    """Return a quantile of sorted values; 0 of none."""
    return times[int(part * (len(times) - 1))] if times else 0.0


def main() -> None:
    """Run, and say what came of it."""
    port, file, rate, seconds = sys.argv[1:]
    client = Client(int(port), Path(file).read_text("ascii").split())
    client.run(float(rate), float(seconds), random.Random(7))
    took, late = sorted(client.counted.seconds), sorted(client.counted.late)
    said = {
        "by_status": dict(client.counted.by_status),
        "p50_ms": 1e3 * at(took, 0.5),
        "p99_ms": 1e3 * at(took, 0.99),
        "late_p50_ms": 1e3 * at(late, 0.5),
        "late_p99_ms": 1e3 * at(late, 0.99),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
