"""From a row of the outbox to a message: everything that sending needs of the database.

Three queries a notification (with its channel, check and project; its ping; and
the check's channels where $JSON is asked for).
"""

from datetime import datetime

from app.alerts.check_object import check_json
from app.alerts.message import CheckFacts, Message
from app.alerts.models import Notification
from app.pings.models import Ping


def prepare(pk: int, now: datetime, changed_at: datetime | None = None) -> Message | None:
    """Return the message; None when the notification was deleted meanwhile.

    `changed_at` is when the database failed over, if it did.
    """
    rows = Notification.objects.select_related("channel__project", "check_ref")
    row = rows.filter(pk=pk).first()
    if row is None:
        return None
    return Message(
        notification=row.code,
        channel=row.channel.code,
        channel_name=str(row.channel),
        project=row.channel.project.name,
        config=row.channel.config,
        status=row.new_status,
        reason=row.reason,
        flip_at=row.flip_at,
        sent_at=now,
        check=_facts(row),
        may_be_repeated=changed_at is not None and row.flip_at < changed_at,
    )


def _facts(row: Notification) -> CheckFacts | None:
    check = row.check_ref
    if check is None:
        return None
    pings = Ping.objects.filter(check_ref=check, received_at__lte=row.flip_at)
    ping = pings.order_by("-n").first()
    return CheckFacts(
        code=check.code,
        name=check.name,
        slug=check.slug,
        tags=check.tags,
        schedule=check.rules.schedule,
        grace_seconds=check.grace_seconds,
        last_ping_at=ping.received_at if ping else None,
        body=bytes(ping.body) if ping and ping.body else b"",
        exit_status=ping.exit_status if ping else None,
        as_json=check_json(check, row.new_status) if "$JSON" in str(row.channel.config) else "",
    )
