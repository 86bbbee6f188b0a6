"""Sending what is in the outbox: claim, send in a thread, write down what became of it.

Threads only send; all of the database is done by the notifier's own thread, so
no transaction is ever open while somebody else's server takes its time.
Costs: one query for what is due, then for each notification one UPDATE to claim
it, three queries to prepare it, two UPDATEs for the result.

A lease outlives its attempt (60 s against time-outs of 30 s). When the process
dies its leases end, and the notification is sent again: at least once.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from app.alerts.message import Done, Job, Message, Outcome
from app.alerts.models import Notification
from app.alerts.outbox import MAX_ATTEMPTS
from app.alerts.prepare import prepare
from app.alerts.record import record
from app.alerts.transports import TRANSPORTS
from app.database import DATABASE_TROUBLE

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
ONE_CHANNEL_AT_ONCE = 2


@dataclass(slots=True)
class Delivery:
    """What this process sends just now, and the rules of who may be sent how much.

    One channel has two attempts under way at most, and channels whose last
    attempt failed have half of all: slow time-outs never take every worker.
    """

    server: str
    workers: int
    report: Callable[[Done], None]
    jobs: dict[int, Job] = field(default_factory=dict)
    results: list[Done] = field(default_factory=list)
    changed_at: datetime | None = None  # when the database failed over (alerts/failover)

    def free_own_leases(self) -> int:
        """Give back what an earlier process of this server had claimed when it died."""
        own = Notification.objects.filter(state=Notification.State.WAITING, leased_by=self.server)
        return own.exclude(leased_until=None).update(leased_until=None, leased_by="")

    def start(self, now: datetime) -> int:
        """Claim what is due, as far as there is room, and send it in threads."""
        started = 0
        while len(self.jobs) < self.workers:
            picked = self._pick(now)
            claimed = _claim(picked, self.server, now)
            self.jobs |= {job.pk: job for job in claimed}
            for job in claimed:
                self._start_one(job, now)
            started += len(claimed)
            if not claimed:
                break
        return started

    def finish(self, done: Done) -> None:
        """Take a result; it is written down by `record_results`."""
        self.results.append(done)

    def record_results(self, now: datetime) -> None:
        """Write down the results at hand. Those that cannot be, stay for the next time."""
        while self.results:
            done = self.results[0]
            try:
                record(done, now, luck=random.random())  # noqa: S311 (no secret)
            except DATABASE_TROUBLE:
                raise  # the database's trouble: this result is tried again
            except Exception:
                log.exception("result put aside notification_id=%d", done.job.pk)
            self.results.pop(0)
            self.jobs.pop(done.job.pk, None)

    def _pick(self, now: datetime) -> list[Job]:
        """Return what may be claimed now, oldest first, within the rules."""
        of_channel = Counter(job.channel_id for job in self.jobs.values())
        failing = sum(job.is_failing for job in self.jobs.values())
        room, picked = self.workers - len(self.jobs), list[Job]()
        for job in self._candidates(now, of_channel, failing):
            is_full = of_channel[job.channel_id] >= ONE_CHANNEL_AT_ONCE
            if is_full or (job.is_failing and failing >= self._room_for_failing):
                continue
            of_channel[job.channel_id] += 1
            failing += job.is_failing
            picked.append(job)
            if len(picked) == room:
                break
        return picked

    @property
    def _room_for_failing(self) -> int:
        return max(1, self.workers // 2)

    def _candidates(self, now: datetime, of_channel: Counter[int], failing: int) -> list[Job]:
        full = [channel for channel, count in of_channel.items() if count >= ONE_CHANNEL_AT_ONCE]
        due = due_notifications(now).exclude(channel_id__in=full).exclude(pk__in=list(self.jobs))
        if failing >= self._room_for_failing:
            due = due.filter(channel__last_error="")
        due = due.order_by("next_attempt_at").select_related("channel")
        columns = ("attempts", "check_ref_id", "channel__kind", "channel__last_error")
        return [
            Job(
                pk=row.pk,
                channel_id=row.channel_id,
                kind=row.channel.kind,
                is_test=row.check_ref_id is None,
                is_failing=bool(row.channel.last_error),
                attempt=row.attempts + 1,
            )
            for row in due.only(*columns)[: 4 * self.workers]
        ]

    def _start_one(self, job: Job, now: datetime) -> None:
        try:
            message = prepare(job.pk, now, self.changed_at)
            if message is not None and job.attempt <= MAX_ATTEMPTS:
                _start_thread(job, message, self.report)
                return
            outcome = Outcome.refused("given up: it was deleted, or no attempt ever ended")
        except DATABASE_TROUBLE:
            outcome = Outcome.retry("")  # not the channel's fault
        except Exception as error:
            log.exception("notification put aside notification_id=%d", job.pk)
            outcome = Outcome.retry(f"our own fault: {type(error).__name__}")
        self.finish(Done(job, outcome))


def give_up_disabled(now: datetime) -> int:
    """Give up what waits for channels that were disabled since. Tests go there all the same."""
    waiting = Notification.objects.filter(_is_free(now), state=Notification.State.WAITING)
    stopped = waiting.filter(channel__disabled_at__isnull=False, check_ref__isnull=False)
    pks = list(stopped.filter(next_attempt_at__lte=now).values_list("pk", flat=True)[:1000])
    if not pks:
        return 0
    given_up = {"state": Notification.State.FAILED, "error": "the channel is disabled"}
    return waiting.filter(pk__in=pks).update(**given_up)


def due_notifications(now: datetime) -> QuerySet[Notification]:
    """Return what may be sent now: of each check and channel only the oldest that waits.

    Rides on notification_to_send, and on the unique key for the older ones.
    """
    waiting = Notification.objects.filter(state=Notification.State.WAITING)
    same_time = Q(flip_at=OuterRef("flip_at"), pk__lt=OuterRef("pk"))
    earlier = Q(flip_at__lt=OuterRef("flip_at")) | same_time
    older = waiting.filter(earlier, channel=OuterRef("channel"), check_ref=OuterRef("check_ref"))
    return waiting.filter(_is_free(now), ~Exists(older), next_attempt_at__lte=now)


def _is_free(now: datetime) -> Q:
    return Q(leased_until=None) | Q(leased_until__lte=now)


def _claim(jobs: list[Job], server: str, now: datetime) -> list[Job]:
    """Lease the jobs; return those that no other notifier was quicker with.

    The attempt counts from here, so that one which kills the process is given
    up in the end.
    """
    if not jobs:
        return []
    free = Notification.objects.filter(_is_free(now), state=Notification.State.WAITING)
    lease = {"leased_until": now + LEASE, "leased_by": server, "attempts": F("attempts") + 1}
    with transaction.atomic():
        # In the order of their ids: two notifiers must not wait for each other.
        rows = sorted(jobs, key=lambda job: job.pk)
        return [job for job in rows if free.filter(pk=job.pk).update(**lease)]


def _start_thread(job: Job, message: Message, report: Callable[[Done], None]) -> None:
    # Daemons: an attempt that hangs must not keep the process from ending.
    arguments = (job, message, report)
    name = f"send-{job.pk}"
    threading.Thread(target=_work, args=arguments, name=name, daemon=True).start()


def _work(job: Job, message: Message, report: Callable[[Done], None]) -> None:
    """Send one message, in a thread of its own."""
    began = time.monotonic()
    try:
        outcome = TRANSPORTS[job.kind].send(message)
    except Exception as error:
        log.exception("notification put aside notification_id=%d kind=%s", job.pk, job.kind)
        outcome = Outcome.retry(f"our own fault: {type(error).__name__}")
    report(Done(job, outcome, time.monotonic() - began))
