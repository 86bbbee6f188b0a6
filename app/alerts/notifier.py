"""The loop that tells people: judge, tell, write down, send, sleep.

Idle it asks about ten small questions a second. Several may run, one on each
server: rows are claimed, and a locked row is left to who holds it.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.conf import settings
from django.db import connection
from django.utils import timezone

from app import wakeups
from app.alerts.delivery import Delivery, give_up_disabled
from app.alerts.failover import Failover
from app.alerts.hearing import Database, Hearing, Report
from app.alerts.message import Done
from app.alerts.tell import Told, tell
from app.checks.overdue import PUT_ASIDE_FOR, Judged, judge
from app.database import DATABASE_TROUBLE, as_worker, check_primary
from app.pings.models import Position

log = logging.getLogger(__name__)
T = TypeVar("T")

LONGEST_SLEEP = 1.0
SHORTEST_TURN = 0.02  # many wake-ups become one turn
ASK_DRAINS_EVERY = 0.2
SLOW_HOLD_SECONDS = 5.0
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 5.0
LAST_WORDS_SECONDS = 1.5
WOKEN = None

NOTHING_JUDGED = Judged(flipped=0, is_held=False, is_more=False, next_at=None)


class Notifier:
    """One notifier. `run` it in one thread; `stop` from anywhere, a signal handler too."""

    def __init__(self, server: str, workers: int) -> None:
        # SimpleQueue.put is safe in a signal handler; Event.set is not.
        self._inbox: SimpleQueue[Done | None] = SimpleQueue()
        self._is_stopping = False
        self.delivery = Delivery(server, workers, self._inbox.put)
        self._hearing = Hearing(settings.SILENT_RECEIVER_SECONDS)
        self._failover = Failover()
        self._poisoned: dict[int, datetime] = {}
        self._backoff = FIRST_BACKOFF
        self._asked_at = 0.0
        self._held_since: float | None = None
        self._is_slow_hold = False

    def stop(self) -> None:
        """End the loop soon. What is being sent has a moment to finish."""
        self._is_stopping = True
        self._inbox.put(WOKEN)

    def run(self) -> bool:
        """Work until stopped. False when deliveries are still under way then."""
        listener = threading.Thread(target=self._listen, name="listen", daemon=True)
        listener.start()
        as_worker()
        self._steadily(self.delivery.free_own_leases)
        while not self._is_stopping:
            began = time.monotonic()
            seconds = self._steadily(self.turn)
            self.wait(0.0 if seconds is None else seconds)
            time.sleep(max(0.0, began + SHORTEST_TURN - time.monotonic()))
        self._finish()
        listener.join(LAST_WORDS_SECONDS)
        return not self.delivery.jobs

    def turn(self) -> float:
        """Do once what is to be done. Returns how many seconds to sleep."""
        now, clock = timezone.now(), time.monotonic()
        check_primary()
        applied_before = self._applied_before(now, clock)
        judged = self._guarded(lambda: judge(now, applied_before)) or NOTHING_JUDGED
        self.delivery.record_results(timezone.now())
        if self._failover.is_reapplying(applied_before):
            # What was told before the failover may look as if it had not been.
            self._note_hold(True, applied_before, clock)
            return 0.0 if judged.is_more else self._nap(judged.next_at, True)
        told = self._guarded(lambda: self._tell(now, applied_before)) or Told()
        self._guarded(lambda: give_up_disabled(now))
        self._guarded(lambda: self.delivery.start(timezone.now()))
        is_held = judged.is_held or told.is_held
        self._note_hold(is_held, applied_before, clock)
        if judged.is_more or told.is_more or self.delivery.results:
            return 0.0
        return self._nap(judged.next_at, is_held)

    def _applied_before(self, now: datetime, clock: float) -> datetime | None:
        self._failover.look(now)
        self.delivery.changed_at = self._failover.changed_at
        columns = ("journal", "slot", "applied_before", "timeline")
        known = Position.objects.filter(is_retired=False).values_list(*columns)
        reports = [
            Report((journal, slot), at, timeline)
            for journal, slot, at, timeline in known
            if at is not None
        ]
        timeline = self._failover.timeline
        database = Database(timeline.pk if timeline else None, self._failover.changed_at)
        return self._hearing.applied_before(reports, now, clock, database)

    def _tell(self, now: datetime, applied_before: datetime | None) -> Told:
        self._poisoned = {pk: until for pk, until in self._poisoned.items() if until > now}
        told = tell(now, applied_before, list(self._poisoned), self._failover.changed_at)
        self._poisoned |= dict.fromkeys(told.poisoned, now + PUT_ASIDE_FOR)
        if told.flips:
            log.info("flips told flips=%d notifications=%d", told.flips, told.notifications)
        return told

    def _guarded(self, stage: Callable[[], T]) -> T | None:
        """Run one stage; its failure must not keep the others from their work."""
        try:
            return stage()
        except DATABASE_TROUBLE:
            raise
        except Exception:
            log.exception("a stage of the notifier failed; the others go on")
            return None

    def _note_hold(self, is_held: bool, applied_before: datetime | None, clock: float) -> None:
        """Ask the drains how far they are while alerts are held, and say when it takes long."""
        if not is_held:
            if self._is_slow_hold:
                log.info("alerts no longer held")
            self._held_since, self._is_slow_hold = None, False
            return
        self._held_since = clock if self._held_since is None else self._held_since
        if clock - self._asked_at >= ASK_DRAINS_EVERY:
            self._asked_at = clock
            wakeups.wake(wakeups.DRAIN)
        if not self._is_slow_hold and clock - self._held_since > SLOW_HOLD_SECONDS:
            self._is_slow_hold = True
            log.warning("alerts held: a receiver lags applied_before=%s", applied_before)

    def _nap(self, next_at: datetime | None, is_held: bool) -> float:
        seconds = LONGEST_SLEEP
        if next_at is not None:
            seconds = min(seconds, (next_at - timezone.now()).total_seconds())
        if is_held and not self._is_slow_hold:
            seconds = min(seconds, ASK_DRAINS_EVERY)
        return max(seconds, 0.0)

    def wait(self, seconds: float) -> None:
        """Sleep until woken; take the results that came in."""
        with contextlib.suppress(Empty):
            item = self._inbox.get(timeout=seconds) if seconds else self._inbox.get_nowait()
            while True:
                if item is not None:
                    self.delivery.finish(item)
                item = self._inbox.get_nowait()

    def _steadily(self, work: Callable[[], T]) -> T | None:
        """Run the work; when the database is away, wait a little and go on living."""
        try:
            result = work()
        except DATABASE_TROUBLE as error:
            seconds, text = self._backoff, _line(error)
            log.error("database is away again_in_seconds=%.1f error=%s", seconds, text)
        except Exception:
            log.exception("the notifier failed again_in_seconds=%.1f", self._backoff)
        else:
            self._backoff = FIRST_BACKOFF
            return result
        _close_connection()
        self.wait(self._backoff)
        self._backoff = min(2 * self._backoff, LONGEST_BACKOFF)
        return None

    def _listen(self) -> None:
        """Pass wake-ups on to the inbox, in a thread with a connection of its own."""
        while not self._is_stopping:
            try:
                heard_on = self._failover.timeline
                sleeper = wakeups.sleeper(wakeups.NOTIFIER)
                with contextlib.closing(sleeper):
                    # An old primary that lives on has nothing to say any more.
                    while not self._is_stopping and heard_on == self._failover.timeline:
                        sleeper.sleep(30 * LONGEST_SLEEP)
                        self._inbox.put(WOKEN)
            except Exception:
                log.exception("wake-ups are not heard; looking once a second")
                time.sleep(LONGEST_SLEEP)
            finally:
                _close_connection()

    def _finish(self) -> None:
        """Write down what ends in the next moments. Leases bring the rest back."""
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        with contextlib.suppress(*DATABASE_TROUBLE):
            wakeups.wake(wakeups.NOTIFIER)  # ends _listen
            self.delivery.record_results(timezone.now())
            while self.delivery.jobs and time.monotonic() < deadline:
                self.wait(deadline - time.monotonic())
                self.delivery.record_results(timezone.now())


def _close_connection() -> None:
    with contextlib.suppress(*DATABASE_TROUBLE):
        connection.close()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
