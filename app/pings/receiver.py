"""Receive pings over HTTP: `python -m app.pings.receiver`. No Django in this process.

protocol -> intake -> journal -> (answer) ... drain
"""

import asyncio
import contextlib
import gc
import heapq
import logging
import resource
import signal
import socket
import sys
import time
from operator import attrgetter
from pathlib import Path

import uvloop

from app import settings
from app.checks.state import Event
from app.parent_death import end_with_parent
from app.pings import bodies, directory, protocol
from app.pings.bodies import Bodies
from app.pings.connection import IDLE_SECONDS, Answering, Connection
from app.pings.drain_client import DrainClient
from app.pings.exchange import HEALTH_PREFIX, METRICS, Exchange
from app.pings.intake import Intake
from app.pings.journal import Journal, JournalError
from app.pings.old_pings import OldPings
from app.pings.protocol import Answer, Request
from app.pings.receiver_figures import DrainSaid, page
from app.pings.recurring import Like, Recurring

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 10_000
MOST_UNACCEPTED = 2_048  # connections that the kernel holds for us
KEPT_FILES = 64  # for the journal, the drain's link and what Python opens
STOP_SECONDS = 1.5


class Receiver:
    """One receiver process: its intake, its connections, its bounds."""

    def __init__(
        self, intake: Intake, pages_socket: str | None, most_connections: int = MOST_CONNECTIONS
    ) -> None:
        self.body_limit = settings.PING_BODY_LIMIT
        self.trusted = settings.TRUSTED_PROXIES
        self.pages_socket = pages_socket
        self.idle_deadline = time.monotonic() + IDLE_SECONDS
        self.bodies = Bodies(bodies.MOST_BYTES)
        self.drain_said = DrainSaid()
        self._intake = intake
        self._recurring = Recurring(intake.journal, self.body_limit)
        self._connections: dict[Connection, None] = {}  # oldest first
        self._most_connections = most_connections
        self._logged_total, self._was_busy = 0, False

    def take(self, request: Request, event: Event, answered: Answering) -> None:
        """Take a ping."""
        self._intake.take(request, event, answered)

    def take_again(self, peer: str, data: bytes, answered: Answering) -> Like | None:
        """Take a ping that is like one before; None when `data` is not just that."""
        found = self._recurring.find(peer, data)
        if found is None:
            return None
        like, code, body = found
        return like if self._intake.take_again(like.template, code, body, answered) else None

    def learn(self, peer: str, data: bytes, asked: Exchange, ping: Request, event: Event) -> None:
        """Remember a ping, for `take_again`."""
        self._recurring.learn(peer, data, asked, ping, event)

    async def health(self, name: str) -> Answer:
        """Answer `/-/prompt` and `/-/accepting`: 200 or 503; and `/-/metrics`."""
        if name == METRICS:
            said = page(self._intake, self.drain_said, len(self._connections))
            return Answer(200, said, is_private=True)
        if name == "prompt":
            is_well = self._intake.is_prompt()
        elif name == "accepting":
            is_well = await self._intake.is_accepting()
        else:
            return protocol.NOT_FOUND
        word = f"{'' if is_well else 'not '}{name}"
        return Answer(200 if is_well else 503, word, is_private=True)

    def refused(self, answer: Answer, url: bytes) -> None:
        """Count a request for a ping that got an error."""
        if not url.startswith(HEALTH_PREFIX.encode()):
            self._intake.tally.refused[answer.status] += 1

    def opened(self, connection: Connection) -> bool:
        """Note a connection; False when there are too many that wait for us."""
        if len(self._connections) >= self._most_connections:
            self._make_room()
        self._connections[connection] = None
        return len(self._connections) <= self._most_connections

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)

    def _make_room(self) -> None:
        """Close some of those from which nothing has come for longest, so that pings get in."""
        # Some at a time: looking at all of them costs more than a ping.
        count = self._most_connections // 16 + 1
        silent = [one for one in self._connections if one.waits_for_client]
        for one in heapq.nsmallest(count, silent, key=attrgetter("deadline")):
            del self._connections[one]
            one.drop()
        if silent:
            log.warning("connections closed to make room count=%d", min(count, len(silent)))

    def sweep(self) -> None:
        """Close what took too long; once a second."""
        now = time.monotonic()
        self.idle_deadline = now + IDLE_SECONDS
        for connection in list(self._connections):
            connection.expire(now)

    def log_second(self) -> None:
        """Log a line while there is traffic or a ping waits, and one more behind it."""
        taken, self._logged_total = (
            self._intake.taken_total - self._logged_total,
            self._intake.taken_total,
        )
        queued = self._intake.queued()
        dwell_ms = int(self._intake.dwell_seconds() * 1_000)
        was_busy, self._was_busy = self._was_busy, bool(taken or queued or dwell_ms)
        if self._was_busy or was_busy:
            log.info("pings per_second=%d queued=%d dwell_ms=%d", taken, queued, dwell_ms)

    async def stop(self) -> None:
        """Answer what was asked, then close everything, within STOP_SECONDS."""
        for connection in list(self._connections):
            connection.finish()
        give_up = time.monotonic() + STOP_SECONDS
        while self._connections and time.monotonic() < give_up:
            await asyncio.sleep(0.02)


async def serve() -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    slot = settings.RECEIVER_SLOT
    directory_of_slot = settings.JOURNAL_DIR / str(slot)
    journal = Journal(
        directory_of_slot,
        slot,
        limit_bytes=settings.JOURNAL_LIMIT_BYTES,
        segment_bytes=settings.SEGMENT_BYTES,
        # SQLite lies beside it: whoever moves one moves both.
        may_move=not settings.DATABASE_URL,
    )
    snapshot = directory_of_slot / "directory"
    intake = Intake(journal, directory.load(snapshot))
    most_connections, unaccepted = _connection_limits()
    receiver = Receiver(intake, str(settings.RUN_DIR / "pages.sock"), most_connections)
    old = OldPings(directory_of_slot, journal.identity, journal.end, intake)
    old.look()
    drain = DrainClient(
        intake, journal.identity, settings.RUN_DIR / "drain.sock", snapshot, receiver.drain_said
    )
    server = await loop.create_server(
        lambda: Connection(receiver), host=_hosts(), port=settings.PORT, backlog=unaccepted
    )
    tasks = [loop.create_task(drain.run()), loop.create_task(_each_second(receiver, drain, old))]
    gc.freeze()  # what is there by now stays: it need not be looked at again and again
    log.info("receiver ready port=%d slot=%d checks=%d", settings.PORT, slot, len(intake.directory))
    await stopping.wait()
    server.close()
    await receiver.stop()
    old.look()
    await intake.close()
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _each_second(receiver: Receiver, drain: DrainClient, old: OldPings) -> None:
    while True:
        await asyncio.sleep(1)
        drain.tick()
        old.look()
        receiver.sweep()
        receiver.log_second()


def _hosts() -> list[str]:
    """Return where to listen; ::1 only on a machine that has it."""
    if settings.HOST:
        return [host.strip() for host in settings.HOST.split(",")]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return ["127.0.0.1", "::1"]
    return ["127.0.0.1"]


def _connection_limits() -> tuple[int, int]:
    """Return how many connections fit below the limit of open files: taken, and not accepted yet.

    A connection may need a second file, for its relay to the pages; and all that
    the kernel holds may be accepted before the first of them is counted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        soft = hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    unaccepted = min(MOST_UNACCEPTED, soft // 8)
    return min(MOST_CONNECTIONS, max((soft - KEPT_FILES - unaccepted) // 2, 1)), unaccepted


def main() -> None:
    """Run one receiver."""
    end_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    Path(settings.RUN_DIR).mkdir(parents=True, exist_ok=True)
    try:
        uvloop.run(serve())
    except (JournalError, OSError) as error:
        sys.exit(f"receiver cannot run: {error}")


if __name__ == "__main__":
    main()
