"""The thread in which a receiver writes its journal: its event loop never waits for the disk.

One append at a time. Handing over costs a lock there and an event of the loop back;
a pool with futures cost more than the pings of a small batch.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from app.pings.journal import Journal, JournalBroken, JournalError, Place

log = logging.getLogger(__name__)

Outcome = Place | JournalError


class JournalThread:
    """Appends to a journal; `appended` is called in the loop with where it ends, or why not.

    `took` is told of each append's seconds, here in the thread.
    """

    def __init__(
        self,
        journal: Journal,
        appended: Callable[[Outcome], None],
        took: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._journal, self._appended, self._took = journal, appended, took
        self._loop: asyncio.AbstractEventLoop | None = None
        self._frames: bytes | None = None
        self._go = threading.Lock()  # taken: nothing to do
        self._go.acquire()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def append(self, frames: bytes) -> None:
        """Begin an append; the one before has to be over."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._thread.start()
        self._frames = frames
        self._go.release()

    def close(self) -> None:
        """End the thread, behind the append under way."""
        if self._loop is not None:
            self._frames = None
            self._go.release()
            self._thread.join()

    def _run(self) -> None:
        assert self._loop is not None
        while True:
            self._go.acquire()
            frames = self._frames
            if frames is None:
                return
            outcome = self._append(frames)
            self._loop.call_soon_threadsafe(self._appended, outcome)

    def _append(self, frames: bytes) -> Outcome:
        begin = time.perf_counter()
        try:
            end = self._journal.append(frames)
        except JournalError as error:
            return error
        except Exception as error:
            # A fault of ours must not leave the clients without an answer.
            log.exception("journal append failed bytes=%d", len(frames))
            return JournalBroken(f"{type(error).__name__}: {error}")
        self._took(time.perf_counter() - begin)
        return end
