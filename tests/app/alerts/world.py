"""What the tests of alerts are made of: projects, checks and channels in a given state."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from app.accounts.models import Project
from app.alerts.models import Channel, Notification
from app.checks.models import Check, Flip
from app.checks.state import Status
from app.pings.models import Position

SECOND = timedelta(seconds=1)


def ago(**length: float) -> datetime:
    return datetime.now(UTC) - timedelta(**length)


def make_check(project: Project | None = None, **fields: Any) -> Check:
    project = project or Project.objects.create(name="Things")
    return Check.objects.create(project=project, **{"name": "backup", **fields})


def make_up(down_at: datetime, project: Project | None = None, **fields: Any) -> Check:
    """Make a check that is up and goes down at `down_at` when nothing more is heard."""
    facts: dict[str, Any] = {"period_seconds": 60, "grace_seconds": 60, "n_pings": 1}
    pinged = down_at - timedelta(seconds=120)
    facts |= {"status": Status.UP, "last_ping_at": pinged, "status_since": pinged}
    facts |= {"due_at": down_at - timedelta(seconds=60), "down_at": down_at, "wake_at": down_at}
    return make_check(project, **facts | fields)


def make_flip(check: Check, at: datetime, new: str = "down", reason: str = "timeout") -> Flip:
    old = {"down": "up", "up": "down"}[new]
    return Flip.objects.create(
        check_ref=check,
        at=at,
        old_status=old,
        new_status=new,
        reason=reason if new == "down" else "",
    )


def make_webhook(check: Check, url: str, **fields: Any) -> Channel:
    side = {"url": url, "method": "POST", "headers": {}, "body": "$NAME is $STATUS since $NOW"}
    config = {"down": side, "up": side}
    channel = Channel.objects.create(
        project=check.project, kind="webhook", **{"config": config} | fields
    )
    channel.checks.add(check)
    return channel


def make_email(check: Check, to: str = "ann@example.org", **fields: Any) -> Channel:
    config = {"to": to, "on_down": True, "on_up": True}
    channel = Channel.objects.create(
        project=check.project, kind="email", **{"config": config} | fields
    )
    channel.checks.add(check)
    return channel


def make_waiting(
    channel: Channel, check: Check | None, at: datetime, **fields: Any
) -> Notification:
    facts: dict[str, Any] = {"new_status": "down", "old_status": "up", "reason": "timeout"}
    facts |= {"flip_at": at, "next_attempt_at": at}
    return Notification.objects.create(channel=channel, check_ref=check, **facts | fields)


def make_position(applied_before: datetime | None, slot: int = 0, **fields: Any) -> Position:
    return Position.objects.create(
        server="test", slot=slot, applied_before=applied_before, **fields
    )


def poison(check: Check) -> None:
    """Write what Python cannot read: whoever loads the whole row raises."""
    bad = "20000-01-01" if connection.vendor == "postgresql" else "2020-13-45 00:00:00"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE checks_check SET last_start_at = %s WHERE id = %s", [bad, check.pk])
