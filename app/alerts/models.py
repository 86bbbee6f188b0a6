"""Channels, which checks they are told of, and the outbox of notifications."""

import uuid
from typing import Any, ClassVar

from django.db import models

from app.accounts.models import Project
from app.checks.models import Check


class ChannelQuerySet(models.QuerySet["Channel"]):
    """Questions about channels."""

    def visible_to(self, user: Any) -> "ChannelQuerySet":
        """Return the channels of all projects that the user is a member of."""
        return self.filter(project__members__user_id=user.pk)

    def enabled(self) -> "ChannelQuerySet":
        """Return the channels that notifications go to."""
        return self.filter(disabled_at__isnull=True)


class Channel(models.Model):
    """A way to tell a person. `config` is what its transport needs (transports/<kind>.py)."""

    class Kind(models.TextChoices):
        """The transports that exist."""

        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook", "webhook"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=100, blank=True)
    config = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    last_sent_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=200, blank=True, editable=False)
    checks = models.ManyToManyField(Check, related_name="channels")

    objects = ChannelQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["email", "webhook"]), name="channel_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.target

    @property
    def target(self) -> str:
        """Return whom or what the channel reaches, as a person would name it."""
        if self.kind == self.Kind.EMAIL:
            return str(self.config.get("to", ""))
        side = self.config.get("down") or self.config.get("up") or {}
        return str(side.get("url", ""))


class Notification(models.Model):
    """One message to one channel: the outbox. Sent at least once.

    Keyed by (channel, check, flip time, new status) and not by the flip's id:
    after a database failover the same id may mean another flip. A test
    notification has no check.
    """

    class State(models.TextChoices):
        """How far the message is."""

        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        FAILED = "failed", "given up"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="notifications")
    check_ref = models.ForeignKey(
        Check, models.CASCADE, related_name="notifications", null=True, db_column="check_id"
    )
    flip_at = models.DateTimeField()
    old_status = models.CharField(max_length=6)
    new_status = models.CharField(max_length=6)
    reason = models.CharField(max_length=7, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=100, blank=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state="waiting"),
                name="notification_to_send",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "check_ref", "flip_at", "new_status"],
                name="notification_once_for_a_flip",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "sent", "failed"]),
                name="notification_state_is_known",
            ),
        ]
