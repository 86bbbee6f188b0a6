"""Drain the journals of this server into the database. One process a server.

    journal -> journal_reader -> apply -> Ping, Check, Flip and the position, in one transaction

It says T (Position.applied_before) once a second, and at once when it is asked.
"""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from types import FrameType

from django.conf import settings
from django.db import Error, connection

from app import wakeups
from app.database import DATABASE_TROUBLE, check_primary
from app.pings import (
    batches,
    connecting,
    directory_feed,
    orphan_return,
    orphans,
    pipeline,
    poison,
    retention,
    wire,
)
from app.pings.apply import Applied, PositionMovedError, swap
from app.pings.batches import Step
from app.pings.drain_figures import Figures
from app.pings.drain_journals import Draining, Journals
from app.pings.drain_links import Link, Links
from app.pings.flushed import Flushed
from app.pings.journal import JournalError, Place
from app.pings.pruning import Pruner
from app.pings.store import store

log = logging.getLogger(__name__)

SAY_EACH_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 2.0
HOUSEKEEPING_SECONDS = 30.0


class Drain:
    """Reads journals, applies batches, tells receivers and the notifier."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._journals = Journals()
        self._figures = Figures()
        self._sleeper: wakeups.Sleeper | None = None
        self._is_connected = False
        self._complaints = connecting.Complaints()
        self._flushed = Flushed()
        self._retry_at, self._backoff = 0.0, 0.1
        self._directory_checked_at = self._housekept_at = 0.0
        self._pruner = Pruner()
        self.is_stopping = False

    def run(self) -> None:
        """Work until told to stop. A database that is away is waited for."""
        while not self.is_stopping:
            has_more = False
            if time.monotonic() >= self._retry_at:
                with self._database():
                    has_more = self._round()
            self._figures.tell(self._links, is_connected=self._is_connected)
            self._wait(0.0 if has_more else self._sleep_seconds())

    def _sleep_seconds(self) -> float:
        if not self._is_connected:
            return max(self._retry_at - time.monotonic(), 0.0)
        return 0.0 if self._pruner.has_work else SAY_EACH_SECONDS / 2

    def _wait(self, seconds: float) -> None:
        with self._database():
            if self._links.serve(seconds, self._sleeper) and self._sleeper is not None:
                self._sleeper.sleep(0)
                self._directory_checked_at = 0.0
                for draining in self._journals.all():
                    draining.asked_at = datetime.now(UTC)
                self._links.ask_all()

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Take trouble of the database as a reason to connect anew, a little later."""
        try:
            yield
        except (*DATABASE_TROUBLE, PositionMovedError) as error:
            # PositionMovedError too: a commit whose answer was lost had succeeded,
            # or the database is another one now. Ask it again how far it is.
            self._complaints.say(error)
            self._disconnect()
            self._retry_at = time.monotonic() + self._backoff
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF_SECONDS)

    def _disconnect(self) -> None:
        if self._sleeper is not None:
            self._sleeper.close()
        self._sleeper, self._is_connected = None, False
        self._journals.forget()
        try:
            connection.close()
        except Error:
            connection.connection = None

    def _round(self) -> bool:
        """Do what there is to do; True when there is more to drain."""
        if not self._is_connected:
            self._journals.timeline = connecting.connect()
            self._flushed = Flushed()
            self._sleeper = wakeups.sleeper(wakeups.DRAIN)
            self._is_connected = True
        check_primary()
        self._look_for_journals()
        self._feed_directories()
        has_more = False
        for draining in self._journals.in_turn():
            has_more |= self._drain(draining)
        self._backoff = 0.1
        self._keep_house(is_idle=not has_more)
        return has_more

    # --- journals ---------------------------------------------------------------

    def _look_for_journals(self) -> None:
        """Find journals; a receiver with a new one in a directory that we know is believed."""
        known = {draining.identity.journal for draining in self._journals.all()}
        for link in self._links.known():
            if link.journal not in known and not link.is_looked_for:
                link.is_looked_for = True
                self._journals.forget()
        self._journals.find()

    def _drain(self, draining: Draining) -> bool:
        if draining.is_stuck:
            return False
        link = self._links.of(draining.identity.journal, draining.identity.slot)
        steps = batches.steps(draining, link)
        try:
            first = next(steps)
        except (JournalError, OSError) as error:  # a disk that fails must not stop the others
            draining.stick(error)
            return False
        if first.batch.end == first.batch.start:
            self._say(draining, first.applied_before)
            self._say_drained(draining, link)
            return False
        run = self._apply(draining, chain([first], steps))
        last = run.last or first
        self._figures.run(run)
        if run.trouble is not None:
            raise run.trouble
        self._after(draining, last.batch.end, run.done, link)
        self._said(draining, last.applied_before)
        self._say_drained(draining, link)
        return not last.is_last

    def _apply(self, draining: Draining, steps: Iterator[Step]) -> pipeline.Run:
        """Apply what follows, at least the first step; what is not plain, ping by ping."""

        def ordinarily(step: Step) -> Applied:
            directory, identity = draining.directory, draining.identity
            said = step.batch, step.applied_before
            return poison.apply_around(directory, identity, draining.position_id, *said)

        return pipeline.apply_all(draining.position_id, steps, store(), ordinarily)

    def _say_drained(self, draining: Draining, link: Link | None) -> None:
        """Tell the receiver how far its journal is applied, unless it knows."""
        if link is not None and link.drained != draining.place:
            link.drained = draining.place
            link.say(wire.Say.DRAINED, draining.place.segment, draining.place.offset)

    def _after(self, draining: Draining, end: Place, done: Applied, link: Link | None) -> None:
        draining.place = end
        if done.has_created:
            # Before the verdict: who hears "Created" may ping again at once.
            self._directory_checked_at = 0.0
            self._feed_directories()
            self._take_in(orphan_return.fold_in())
        if link is not None and done.verdicts:
            said = [(place.segment, place.offset, verdict) for place, verdict in done.verdicts]
            link.say(wire.Say.VERDICTS, said)
        if done.dropped:
            log.info("pings dropped count=%d reason=no-such-check", done.dropped)
        self._take_in(done)

    def _take_in(self, done: Applied) -> None:
        if done.wakes_notifier:
            wakeups.wake(wakeups.NOTIFIER)
        self._pruner.want(done.to_prune)

    def _say(self, draining: Draining, applied_before: datetime | None) -> None:
        """Say T when it is time, or when somebody asked."""
        if applied_before is None or applied_before == draining.applied_before:
            return
        is_due = time.monotonic() - draining.said_at >= SAY_EACH_SECONDS * 0.9
        if is_due or (draining.asked_at is not None and draining.asked_at <= applied_before):
            swap(draining.position_id, draining.place, draining.place, applied_before)
            self._said(draining, applied_before)

    def _said(self, draining: Draining, applied_before: datetime | None) -> None:
        """Note that T is written; whoever asked for it is woken."""
        if applied_before is None:
            return
        draining.said_at, draining.applied_before = time.monotonic(), applied_before
        if draining.asked_at is not None and draining.asked_at <= applied_before:
            draining.asked_at = None
            wakeups.wake(wakeups.NOTIFIER)

    # --- the rest -----------------------------------------------------------------

    def _feed_directories(self) -> None:
        fresh = [link for link in self._links.known() if link.directory_number < 0]
        if not fresh and time.monotonic() - self._directory_checked_at < SAY_EACH_SECONDS:
            return
        self._directory_checked_at = time.monotonic()
        newest = directory_feed.newest()
        for link in self._links.known():
            if link.directory_number == newest:
                continue
            changes = directory_feed.changes_since(link.directory_number)
            link.say(wire.Say.DIRECTORY, changes.packed())
            link.directory_number = changes.number

    def _keep_house(self, *, is_idle: bool) -> None:
        self._pruner.work(is_idle=is_idle)
        self._figures.look(self._links, self._journals.all())
        if time.monotonic() - self._housekept_at < HOUSEKEEPING_SECONDS:
            return
        self._housekept_at = time.monotonic()
        self._journals.retry_stuck()
        safe = self._flushed.places({each.position_id: each.place for each in self._journals.all()})
        for each in self._journals.all():
            place, is_safe = each.place, safe[each.position_id]
            if retention.drop_segments(each.directory, each.position_id, place, is_safe):
                self._figures.cut_short(each)
        self._take_in(orphan_return.fold_in())
        orphans.forget_old(datetime.now(UTC))


def run() -> None:
    """Run the drain of this server until SIGTERM."""
    drain = Drain(Links(settings.RUN_DIR / "drain.sock"))

    def stop(_number: int, _frame: FrameType | None) -> None:
        drain.is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    pipeline.settle_memory()
    log.info("drain ready database=%s", connection.vendor)
    drain.run()
