"""Writing down what became of an attempt: this is where retries and giving up are decided."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from app.alerts.message import Done, Verdict
from app.alerts.models import Channel, Notification
from app.alerts.outbox import disable, retry_at

log = logging.getLogger(__name__)

State = Notification.State


def record(done: Done, now: datetime, luck: float) -> None:
    """Write down the result of one attempt, in one transaction of two UPDATEs.

    A lease that ran out meanwhile does not matter: what was sent, was sent.
    """
    again = None
    if done.outcome.verdict is Verdict.RETRY and not done.job.is_test:
        again = retry_at(done.job.attempt, now, luck)
    with transaction.atomic():
        waiting = Notification.objects.filter(pk=done.job.pk, state=State.WAITING)
        waiting.update(leased_until=None, leased_by="", **_row(done, now, again))
        _note_on_channel(done, now)
    _log(done, again)


def _row(done: Done, now: datetime, again: datetime | None) -> dict[str, Any]:
    if done.outcome.verdict is Verdict.SENT:
        return {"state": State.SENT, "sent_at": now, "error": ""}
    if again is None:
        return {"state": State.FAILED, "error": done.outcome.error}
    return {"next_attempt_at": again, "error": done.outcome.error}


def _note_on_channel(done: Done, now: datetime) -> None:
    channel = Channel.objects.filter(pk=done.job.channel_id)
    if done.outcome.verdict is Verdict.SENT:
        channel.update(last_sent_at=now, last_error="")
    elif done.outcome.error:
        channel.update(last_error=done.outcome.error)
    if done.outcome.verdict is Verdict.GONE and not done.job.is_test:
        for row in channel:
            disable(row, done.outcome.error, now)


def _log(done: Done, again: datetime | None) -> None:
    job, outcome = done.job, done.outcome
    facts = "notification_id=%d channel_id=%d kind=%s attempt=%d took_seconds=%.3f"
    values = (job.pk, job.channel_id, job.kind, job.attempt, done.took_seconds)
    if outcome.verdict is Verdict.SENT:
        log.info(f"notification sent {facts}", *values)
    elif again is None:
        log.warning(f"notification given up {facts} error=%r", *values, outcome.error)
    else:
        log.info(f"notification failed {facts} again=%s error=%r", *values, again, outcome.error)
