"""The verbs on channels and their notifications that pages and the notifier share."""

from datetime import datetime, timedelta

from django.db import transaction

from app import wakeups
from app.alerts.message import DOWN, printable
from app.alerts.models import Channel, Notification

# Over 15 hours, so that a webhook that died in the evening has the night's
# alerts in the morning. Then the notification is given up.
RETRY_AFTER_SECONDS = (5, 15, 60, 300, 900, 1800, 3600, 3600, 7200, 7200, 14_400, 14_400)
MAX_ATTEMPTS = len(RETRY_AFTER_SECONDS) + 1
JITTER = 0.2


def send_test(channel: Channel, now: datetime) -> Notification:
    """Queue a test: it is tried once, also on a disabled channel, and disables none."""
    test = Notification.objects.create(
        channel=channel, flip_at=now, new_status=DOWN, next_attempt_at=now
    )
    transaction.on_commit(lambda: wakeups.wake(wakeups.NOTIFIER))
    return test


def enable(channel: Channel) -> None:
    """Let notifications go to the channel again, from the next flip on."""
    channel.disabled_at, channel.disabled_reason, channel.last_error = None, "", ""
    channel.save(update_fields=["disabled_at", "disabled_reason", "last_error"])


def disable(channel: Channel, reason: str, now: datetime) -> bool:
    """Stop notifications to the channel. False when it was disabled already.

    Those that wait are given up when their turn comes (delivery).
    """
    changed = Channel.objects.enabled().filter(pk=channel.pk)
    is_changed = bool(changed.update(disabled_at=now, disabled_reason=printable(reason)))
    channel.refresh_from_db(fields=["disabled_at", "disabled_reason"])
    return is_changed


def retry_at(attempts: int, now: datetime, luck: float) -> datetime | None:
    """Return when to try again after so many attempts; None means give it up.

    `luck` in [0, 1) spreads the attempts, so that what failed together does not
    come back together.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    spread = 1 + JITTER * (2 * luck - 1)
    return now + timedelta(seconds=RETRY_AFTER_SECONDS[attempts - 1] * spread)
