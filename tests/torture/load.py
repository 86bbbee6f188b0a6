"""Ping several receivers without pause and write down every answer, in a process of its own.

    python -m tests.torture.load < PLAN     until SIGTERM; PLAN is `Plan` as JSON

Its own process, so that it can live in another network namespace, and so that the tool's
work is not in its way. A worker keeps its connections and makes a new one when one breaks.
"""

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO
from uuid import UUID

from app.parent_death import end_with_parent

_TROUBLE = (OSError, EOFError, TimeoutError, ValueError, IndexError)
PAUSE_AFTER_TROUBLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Target:
    """What is pinged. `receiver` None: at any. `is_mixed`: with starts, failures, logs too."""

    path: str
    receiver: int | None = None
    is_mixed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to, what, how fast, and where the ledger is written."""

    addresses: Sequence[tuple[str, int]]
    targets: Sequence[Target]
    ledger: str
    label: str
    per_second: float = 200
    workers: int = 16
    answer_seconds: float = 10
    body_bytes: int = 0
    seed: int = 1

    def as_json(self) -> str:
        """Return it as text for the process's input."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> "Plan":
        """Return the plan that is in a text."""
        said = json.loads(text)
        said["targets"] = [Target(**target) for target in said["targets"]]
        said["addresses"] = [(host, port) for host, port in said["addresses"]]
        return cls(**said)


@dataclass(slots=True)
class Worker:
    """One client: a ping at a time, each with a token of its own."""

    plan: Plan
    number: int
    ledger: TextIO
    count: int = 0
    rids: dict[str, UUID] = field(default_factory=dict)
    connections: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=dict
    )

    async def run(self, stopping: asyncio.Event) -> None:
        """Ping until told to stop; the ping under way is still heard out."""
        chance = random.Random(f"{self.plan.seed}-{self.number}")
        pause = self.plan.workers / self.plan.per_second
        while not stopping.is_set():
            target = chance.choice(self.plan.targets)
            receiver = target.receiver
            if receiver is None:
                receiver = chance.randrange(len(self.plan.addresses))
            wait = pause * chance.uniform(0.5, 1.5)
            if not await self.ping(receiver, self.address(target, chance)):
                wait += PAUSE_AFTER_TROUBLE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)

    def address(self, target: Target, chance: random.Random) -> str:
        """Return the path to ask for: most are successes, mixed ones have runs and failures."""
        if not target.is_mixed:
            return target.path
        action = chance.choices(("", "/start", "/log", "/fail", "/0", "/3"), (8, 4, 2, 1, 2, 1))[0]
        path, rid = f"{target.path}{action}", ""
        if action == "/start":
            self.rids[target.path] = UUID(int=chance.getrandbits(128), version=4)
            rid = f"?rid={self.rids[target.path]}"
        elif action == "" and target.path in self.rids:
            rid = f"?rid={self.rids.pop(target.path)}"
        return path + rid

    async def ping(self, receiver: int, path: str) -> bool:
        """Send one ping and write down what came of it; False when there was trouble."""
        self.count += 1
        token = f"{self.plan.label}-{self.number}-{self.count}"
        body = token.encode().ljust(self.plan.body_bytes)
        try:
            async with asyncio.timeout(self.plan.answer_seconds):
                status, text = await self._ask(receiver, path, body)
        except _TROUBLE:
            self._hang_up(receiver)
            self.ledger.write(f"U {token} 0\n")
            return False
        is_taken = (status, text) in {(200, "OK"), (201, "Created")}
        self.ledger.write(f"{'A' if is_taken else 'R'} {token} {status}\n")
        return is_taken

    async def _ask(self, receiver: int, path: str, body: bytes) -> tuple[int, str]:
        if receiver not in self.connections:
            self.connections[receiver] = await asyncio.open_connection(
                *self.plan.addresses[receiver]
            )
        reader, writer = self.connections[receiver]
        head = f"POST {path} HTTP/1.1\r\nHost: torture\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        status = int((await reader.readuntil(b"\r\n")).split()[1])
        length, is_last = 0, False
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            length = int(value) if name.lower() == "content-length" else length
            is_last |= name.lower() == "connection" and value.strip().lower() == "close"
        text = (await reader.readexactly(length)).decode()
        if is_last:
            self._hang_up(receiver)
        return status, text

    def _hang_up(self, receiver: int) -> None:
        connection = self.connections.pop(receiver, None)
        if connection is not None:
            connection[1].transport.abort()


async def _run(plan: Plan, ledger: TextIO) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    workers = [Worker(plan, number, ledger) for number in range(plan.workers)]
    await asyncio.gather(*(worker.run(stopping) for worker in workers))


def main() -> None:
    """Run the plan that is on standard input."""
    end_with_parent()
    plan = Plan.of_json(sys.stdin.read())
    with Path(plan.ledger).open("a", buffering=1, encoding="ascii") as ledger:
        asyncio.run(_run(plan, ledger))


if __name__ == "__main__":
    main()
