"""Take pings in: journal first, then answer. One intake a receiver process.

Pings that come while a commit is under way wait for the next one; there is no
timer to fill a batch, the commit before is the natural delay. Writing and
syncing happen in one thread, so that the event loop never waits for the disk.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from app.checks.state import Event
from app.pings import wire
from app.pings.directory import Directory, Known
from app.pings.frames import Entry, Template, encode
from app.pings.journal import Journal, JournalError, JournalFull, Place
from app.pings.journal_thread import JournalThread, Outcome
from app.pings.protocol import (
    AMBIGUOUS,
    BUSY,
    CREATED,
    NOT_FOUND,
    OK,
    Answer,
    Request,
)
from app.pings.said_time import SaidTime
from app.pings.tally import Tally
from app.pings.undrained import Undrained

log = logging.getLogger(__name__)

VERDICT_SECONDS = 1.0
MOST_WAITING_FOR_VERDICT = 1_000
MOST_QUEUED_BYTES = 64 * 2**20
PROMPT_SECONDS = 15
_VERDICTS = {
    wire.Verdict.EXISTS: OK,
    wire.Verdict.CREATED: CREATED,
    wire.Verdict.NOT_FOUND: NOT_FOUND,
    wire.Verdict.AMBIGUOUS: AMBIGUOUS,
}

Answered = Callable[[Answer], None]


# A frame, whether its answer waits for the drain's verdict, and whom to tell.
_Queued = tuple[bytes, bool, Answered]


class Intake:
    """Turns requests into durable journal entries and answers them."""

    def __init__(self, journal: Journal, directory: Directory) -> None:
        self.directory = directory
        self.taken_total = 0
        self.tally = Tally()
        self._journal = journal
        self._thread = JournalThread(journal, self._committed, self.tally.commit_seconds.observe)
        self._queue: list[_Queued] = []
        self._queued_bytes = 0
        self._batch: list[_Queued] = []
        self._batch_bytes = 0
        self._received_before_us = 0
        self._is_committing = False
        self._when_idle: list[asyncio.Future[None]] = []
        self._said = SaidTime(journal.directory / "said")
        self._last_us = self._said.before_us
        self.accepted_last = True  # False: the last try to make a ping durable failed
        self.undrained = Undrained()
        self._verdicts: dict[Place, tuple[Answered, asyncio.TimerHandle]] = {}
        self.on_end: Callable[[Place, int], None] = lambda _place, _time: None

    @property
    def journal(self) -> UUID:
        """Return the id of the journal that this writes."""
        return self._journal.identity.journal

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
        named = target.bytes if isinstance(target, UUID) else target
        entry = Entry(named, event, known is Known.YES, request.create, asks)
        self._put(encode(self.journal, entry, received_at_us=self._now_us()), asks, answered)

    def take_again(self, like: Template, code: bytes, body: bytes, answered: Answered) -> bool:
        """Take a ping of a check that the directory knows; False without it or without room.

        Then nothing was answered: `answered` is never called before this returns.
        """
        if not self.directory.knows(code):
            return False
        frame = like.frame(self._now_us(), code, body)
        if not self._fits(frame):
            return False
        self._put(frame, False, answered)
        return True

    def _put(self, frame: bytes, asks: bool, answered: Answered) -> None:
        if not self._fits(frame):
            answered(BUSY)
            return
        self._queue.append((frame, asks, answered))
        self._queued_bytes += len(frame)
        if not self._is_committing:
            # Behind what else has come with this turn of the loop.
            self._is_committing = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _fits(self, frame: bytes) -> bool:
        return self._queued_bytes + len(frame) <= MOST_QUEUED_BYTES

    def tick(self) -> None:
        """Say how far the journal is, when no commit is about to say it anyway."""
        if not self._is_committing:
            self._say(self._journal.end, self._now_us())

    def room(self) -> tuple[int, int]:
        """Return the bytes of the journal, and their bound."""
        return self._journal.used_bytes, self._journal.limit_bytes

    def verdict(self, place: Place, verdict: wire.Verdict) -> None:
        """Answer the ping that ends at `place`, if it still waits."""
        waiting = self._verdicts.pop(place, None)
        if waiting is not None:
            waiting[1].cancel()
            waiting[0](_VERDICTS[verdict])

    def dwell_seconds(self) -> float:
        """Return the age of the oldest ping that is not in the database."""
        return self.undrained.oldest_seconds()

    def queued(self) -> int:
        """Return how many pings of this run are not in the database yet."""
        return self.undrained.count + len(self._queue)

    def is_prompt(self) -> bool:
        """Return True while pings reach the database without excessive delay."""
        return self.accepted_last and self.dwell_seconds() < PROMPT_SECONDS

    async def is_accepting(self) -> bool:
        """Return True when pings can be made durable; tries the disk after a failure."""
        if not self.accepted_last:
            if not self._is_committing:
                self._commit()
            await self._idle()
        return self.accepted_last

    async def close(self) -> None:
        """Finish the commits under way, then let go of the journal."""
        while self._is_committing:
            await self._idle()
        self._thread.close()
        self._said.close()
        self._journal.close()

    async def _idle(self) -> None:
        """Wait until nothing is queued, or a commit has failed."""
        idle = asyncio.get_running_loop().create_future()
        self._when_idle.append(idle)
        await idle

    def _commit(self) -> None:
        """Begin to commit what is queued; `_committed` goes on."""
        self._is_committing = True
        batch, self._queue, self._queued_bytes = self._queue, [], 0
        # Whatever was received before now is in this batch or before it.
        self._batch, self._received_before_us = batch, self._now_us()
        frames = b"".join([item[0] for item in batch])
        self._batch_bytes = len(frames)
        self._thread.append(frames)

    def _committed(self, outcome: Outcome) -> None:
        """Begin the next commit, then answer those of this one."""
        batch, received_before_us = self._batch, self._received_before_us
        size_bytes = self._batch_bytes
        if self._queue:
            self._commit()
        else:
            self._is_committing = False
        if isinstance(outcome, JournalError):
            self._refused(outcome)
            for _, _, answered in batch:
                answered(BUSY)
        else:
            self.accepted_last = True
            self.taken_total += len(batch)
            if batch:
                self.tally.committed(len(batch), size_bytes)
            self.undrained.add(outcome, len(batch))
            self._answer(batch, outcome)
            self._say(outcome, received_before_us)
        if self._when_idle and not (self._is_committing and self.accepted_last):
            waiting, self._when_idle = self._when_idle, []
            for idle in waiting:
                idle.set_result(None)

    def _say(self, end: Place, received_before_us: int) -> None:
        self._said.keep(received_before_us)
        self.on_end(end, received_before_us)

    def _refused(self, error: JournalError) -> None:
        kind = "full" if isinstance(error, JournalFull) else "broken"
        self.tally.journal_refusals[kind] += 1
        if self.accepted_last:
            log.error("journal refuses pings kind=%s reason=%s", kind, error)
        self.accepted_last = False

    def _answer(self, batch: list[_Queued], end: Place) -> None:
        if not any(asks for _, asks, _ in batch):
            for _, _, answered in batch:
                answered(OK)
            return
        offset = end.offset - sum(len(frame) for frame, _, _ in batch)
        for frame, asks, answered in batch:
            offset += len(frame)
            if asks:
                self._wait_for_verdict(Place(end.segment, offset), answered)
            else:
                answered(OK)

    def _wait_for_verdict(self, place: Place, answered: Answered) -> None:
        def give_up() -> None:
            self._verdicts.pop(place, None)
            answered(OK)

        timer = asyncio.get_running_loop().call_later(VERDICT_SECONDS, give_up)
        self._verdicts[place] = answered, timer

    def _now_us(self) -> int:
        """Return the time; it never goes back, or what T promised would be broken."""
        now_us = time.time_ns() // 1_000
        if now_us <= self._last_us:
            now_us = self._last_us + 1
        self._last_us = now_us
        return now_us
