"""Take pings in: journal first, then answer. One intake a receiver process.

Pings that come while a commit is under way wait for the next one; there is no
timer to fill a batch, the commit before is the natural delay. Writing and
syncing happen in one thread, so that the event loop never waits for the disk.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.checks.state import Event
from app.pings import wire
from app.pings.directory import Directory, Known
from app.pings.frames import Entry, encode
from app.pings.journal import Journal, JournalError, JournalFull, Place
from app.pings.protocol import (
    AMBIGUOUS,
    BUSY,
    CREATED,
    NOT_FOUND,
    OK,
    Answer,
    Request,
)
from app.pings.tally import Tally

log = logging.getLogger(__name__)

VERDICT_SECONDS = 1.0
MOST_WAITING_FOR_VERDICT = 1_000
MOST_QUEUED_BYTES = 64 * 2**20
PROMPT_SECONDS = 15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERDICTS = {
    wire.Verdict.EXISTS: OK,
    wire.Verdict.CREATED: CREATED,
    wire.Verdict.NOT_FOUND: NOT_FOUND,
    wire.Verdict.AMBIGUOUS: AMBIGUOUS,
}

Answered = Callable[[Answer], None]


@dataclass(slots=True)
class _Queued:
    frame: bytes
    asks: bool
    answered: Answered


class Intake:
    """Turns requests into durable journal entries and answers them."""

    def __init__(self, journal: Journal, directory: Directory) -> None:
        self.directory = directory
        self.taken_total = 0
        self.tally = Tally()
        self._journal = journal
        self._thread = ThreadPoolExecutor(1, "journal")
        self._queue: list[_Queued] = []
        self._queued_bytes = 0
        self._commit: asyncio.Task[None] | None = None
        self._last_us = 0
        self._accepting = True
        self._drained = Place()
        self._undrained: deque[tuple[Place, float, int]] = deque()
        self._undrained_count = 0
        self._verdicts: dict[Place, tuple[Answered, asyncio.TimerHandle]] = {}
        self.on_end: Callable[[Place, int], None] = lambda _place, _time: None

    def take(self, request: Request, event: Event, answered: Answered) -> None:
        """Take a ping; `answered` is called once, later, when the answer is certain.

        `event.received_at` is replaced: receive times of one receiver only grow.
        """
        known, target = self.directory.find(request.target)
        if request.fault and known is not Known.NO:
            answered(Answer(400, request.fault))
            return
        if known is Known.AMBIGUOUS:
            answered(AMBIGUOUS)
            return
        if request.fault:
            answered(NOT_FOUND)
            return
        # Without a drain that could answer in time the ping is taken all the same.
        asks = known is Known.NO and len(self._verdicts) < MOST_WAITING_FOR_VERDICT
        event = replace(event, received_at=self._now())
        entry = Entry(target, event, known is Known.YES, request.create, asks)
        frame = encode(self._journal.identity.journal, entry)
        if self._queued_bytes + len(frame) > MOST_QUEUED_BYTES:
            answered(BUSY)
            return
        self._queue.append(_Queued(frame, asks, answered))
        self._queued_bytes += len(frame)
        if self._commit is None:
            self._commit = asyncio.get_running_loop().create_task(self._commit_all())

    def tick(self) -> None:
        """Say how far the journal is, when no commit is about to say it anyway."""
        if self._commit is None:
            self.on_end(self._journal.end, self._now_us())

    def drained(self, place: Place) -> None:
        """Note how far the drain has got."""
        self._drained = max(self._drained, place)
        while self._undrained and self._undrained[0][0] <= place:
            self._undrained_count -= self._undrained.popleft()[2]

    def note_old(self, end: Place, received_at: datetime | None) -> None:
        """Note since when pings up to `end` wait that an earlier run took; None: none does."""
        if self._undrained and self._undrained[0][0] <= end:
            self._undrained.popleft()
        if received_at is not None and self._drained < end:
            age_seconds = max(time.time() - received_at.timestamp(), 0.0)
            self._undrained.appendleft((end, time.monotonic() - age_seconds, 0))

    def drained_place(self) -> Place:
        """Return how far the drain has got, as it last said."""
        return self._drained

    def room(self) -> tuple[int, int]:
        """Return the bytes of the journal, and their bound."""
        return self._journal.used_bytes, self._journal.limit_bytes

    def accepted_last(self) -> bool:
        """Return True unless the last try to make a ping durable failed."""
        return self._accepting

    def verdict(self, place: Place, verdict: wire.Verdict) -> None:
        """Answer the ping that ends at `place`, if it still waits."""
        waiting = self._verdicts.pop(place, None)
        if waiting is not None:
            waiting[1].cancel()
            waiting[0](_VERDICTS[verdict])

    def dwell_seconds(self) -> float:
        """Return the age of the oldest ping that is not in the database."""
        return time.monotonic() - self._undrained[0][1] if self._undrained else 0.0

    def queued(self) -> int:
        """Return how many pings of this run are not in the database yet."""
        return self._undrained_count + len(self._queue)

    def is_prompt(self) -> bool:
        """Return True while pings reach the database without excessive delay."""
        return self._accepting and self.dwell_seconds() < PROMPT_SECONDS

    async def is_accepting(self) -> bool:
        """Return True when pings can be made durable; tries the disk after a failure."""
        if not self._accepting and self._commit is None:
            await self._append(b"")
        return self._accepting

    async def close(self) -> None:
        """Finish the commit under way, then let go of the journal."""
        if self._commit is not None:
            await self._commit
        self._thread.shutdown()
        self._journal.close()

    async def _commit_all(self) -> None:
        try:
            while self._queue:
                batch, self._queue, self._queued_bytes = self._queue, [], 0
                # Whatever was received before now is in this batch or before it.
                received_before = self._now_us()
                frames = b"".join(item.frame for item in batch)
                end = await self._append(frames)
                if end is None:
                    for item in batch:
                        item.answered(BUSY)
                    continue
                self.taken_total += len(batch)
                self.tally.committed(len(batch), len(frames))
                self._note_undrained(end, len(batch))
                self._answer(batch, end)
                self.on_end(end, received_before)
        finally:
            self._commit = None

    def _note_undrained(self, end: Place, count: int) -> None:
        """Note a commit; those of a quarter of a second are one, or an outage would cost memory."""
        now = time.monotonic()
        self._undrained_count += count
        if self._undrained and now - self._undrained[-1][1] < 0.25:
            _, since, before = self._undrained.pop()
            self._undrained.append((end, since, before + count))
        else:
            self._undrained.append((end, now, count))

    async def _append(self, frames: bytes) -> Place | None:
        loop = asyncio.get_running_loop()
        try:
            end = await loop.run_in_executor(self._thread, self._durable, frames)
        except JournalError as error:
            self._refused(error)
            return None
        self._accepting = True
        return end

    def _durable(self, frames: bytes) -> Place:
        begin = time.perf_counter()
        end = self._journal.append(frames)
        self.tally.commit_seconds.observe(time.perf_counter() - begin)
        return end

    def _refused(self, error: JournalError) -> None:
        kind = "full" if isinstance(error, JournalFull) else "broken"
        self.tally.journal_refusals[kind] += 1
        if self._accepting:
            log.error("journal refuses pings kind=%s reason=%s", kind, error)
        self._accepting = False

    def _answer(self, batch: list[_Queued], end: Place) -> None:
        offset = end.offset - sum(len(item.frame) for item in batch)
        for item in batch:
            offset += len(item.frame)
            if item.asks:
                self._wait_for_verdict(Place(end.segment, offset), item.answered)
            else:
                item.answered(OK)

    def _wait_for_verdict(self, place: Place, answered: Answered) -> None:
        def give_up() -> None:
            self._verdicts.pop(place, None)
            answered(OK)

        timer = asyncio.get_running_loop().call_later(VERDICT_SECONDS, give_up)
        self._verdicts[place] = answered, timer

    def _now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self._now_us())

    def _now_us(self) -> int:
        """Return the time; it never goes back, or what T promised would be broken."""
        self._last_us = max(self._last_us + 1, time.time_ns() // 1_000)
        return self._last_us
