"""Checks, their flips and the changes of the directory that receivers answer from."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from app import wakeups
from app.accounts.models import Project
from app.checks import state as states
from app.checks.derived_code import derived_codes
from app.checks.schedule import Kind, Schedule
from app.checks.signals import provisioned


class CheckQuerySet(models.QuerySet["Check"]):
    """Questions about checks."""

    def visible_to(self, user: Any) -> "CheckQuerySet":
        """Return the checks of all projects that the user is a member of."""
        return self.filter(project__members__user_id=user.pk)

    def to_judge(self, now: datetime) -> "CheckQuerySet":
        """Return checks that may be overdue at `now`. Rides on check_wake_at."""
        return self.filter(wake_at__lte=now).order_by("wake_at")

    def provision(self, project: Project, slug: str) -> "Check":
        """Create the check that a ping with `create=1` asked for."""
        code = next(code for code in derived_codes(project.pk, slug) if not _is_taken(code))
        check = self.create(project=project, name=slug, slug=slug, code=code)
        provisioned.send(sender=Check, check=check)
        return check


class Check(models.Model):
    """A job that pings us, with how it is judged and what is known of it."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="checks")
    name = models.CharField(max_length=100, blank=True)
    slug = models.CharField(max_length=100, blank=True)
    tags = models.CharField(max_length=500, blank=True)
    desc = models.TextField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    kind = models.CharField(
        max_length=10, choices=[(kind.value, kind.value) for kind in Kind], default=Kind.SIMPLE
    )
    period_seconds = models.IntegerField(default=86_400)
    grace_seconds = models.IntegerField(default=3_600)
    schedule = models.CharField(max_length=100, blank=True)
    tz = models.CharField(max_length=36, default="UTC")
    methods = models.CharField(max_length=4, blank=True, choices=[("", "any"), ("POST", "POST")])
    manual_resume = models.BooleanField(default=False)
    filter_http_body = models.BooleanField(default=False)
    success_kw = models.CharField(max_length=200, blank=True)
    failure_kw = models.CharField(max_length=200, blank=True)
    start_kw = models.CharField(max_length=200, blank=True)
    filter_default_fail = models.BooleanField(default=False)

    status = models.CharField(
        max_length=6,
        choices=[(status.value, status.value) for status in states.Status],
        default=states.Status.NEW,
    )
    n_pings = models.BigIntegerField(default=0)
    last_ping_at = models.DateTimeField(null=True, editable=False)
    last_start_at = models.DateTimeField(null=True, editable=False)
    last_start_rid = models.UUIDField(null=True, editable=False)
    last_duration_us = models.BigIntegerField(null=True, editable=False)
    status_since = models.DateTimeField(null=True, editable=False)
    changed_by_hand_at = models.DateTimeField(null=True, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)
    down_at = models.DateTimeField(null=True, editable=False)
    # A lower bound of `down_at`, and the only indexed time. A ping lowers it at
    # most; the notifier raises it when it looks: so pings stay HOT updates.
    wake_at = models.DateTimeField(null=True, editable=False)
    directory_change = models.BigIntegerField(default=0, editable=False)

    objects = CheckQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["wake_at"],
                condition=models.Q(wake_at__isnull=False),
                name="check_wake_at",
            ),
            models.Index(fields=["directory_change"], name="check_directory_change"),
            models.Index(fields=["project", "slug"], name="check_project_slug"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=list(Kind)), name="check_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=list(states.Status)), name="check_status_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(period_seconds__gt=0, grace_seconds__gt=0),
                name="check_times_are_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(methods__in=["", "POST"]), name="check_methods_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.code)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and tell the receivers' directory unless only other fields were named.

        Check.DoesNotExist when fields were named and the check is deleted.
        """
        fields = kwargs.get("update_fields")
        with transaction.atomic():
            if fields is None or "slug" in fields:
                self.directory_change = next_change()
                if fields is not None:
                    kwargs["update_fields"] = [*fields, "directory_change"]
            if fields is not None:
                # What Django raises when it finds no row has no name to catch it by.
                Check.objects.select_for_update().only("pk").get(pk=self.pk)
            super().save(*args, **kwargs)
            transaction.on_commit(lambda: wakeups.wake(wakeups.DRAIN))

    @property
    def ping_url(self) -> str:
        """Return the address that the job pings."""
        return f"{settings.PING_ENDPOINT}{self.code}"

    @property
    def rules(self) -> states.Rules:
        """Return how the check judges its pings."""
        return states.Rules(
            schedule=Schedule(Kind(self.kind), self.period_seconds, self.schedule, self.tz),
            grace=timedelta(seconds=self.grace_seconds),
            methods=self.methods,
            manual_resume=self.manual_resume,
            filter_http_body=self.filter_http_body,
            success_kw=self.success_kw,
            failure_kw=self.failure_kw,
            start_kw=self.start_kw,
            filter_default_fail=self.filter_default_fail,
        )

    @property
    def state(self) -> states.State:
        """Return what is known of the check."""
        microseconds = self.last_duration_us
        return states.State(
            status=states.Status(self.status),
            n_pings=self.n_pings,
            last_ping_at=self.last_ping_at,
            last_start_at=self.last_start_at,
            last_start_rid=self.last_start_rid,
            last_duration=None if microseconds is None else timedelta(microseconds=microseconds),
            status_since=self.status_since,
            changed_by_hand_at=self.changed_by_hand_at,
            due_at=self.due_at,
            down_at=self.down_at,
        )

    def shown(self, now: datetime) -> states.Shown:
        """Return the status that a person sees at `now`."""
        return states.shown(self.state, now)

    def pause(self, now: datetime) -> None:
        """Pause by hand; the flip is not told to anybody."""
        self._change_by_hand(lambda check: states.pause(check.state, now))

    def resume(self, now: datetime) -> None:
        """Resume by hand. ValueError unless the check is paused."""
        self._change_by_hand(lambda check: states.resume(check.state, now))

    def reschedule(self, now: datetime) -> None:
        """Make the deadlines anew after an edit; who edits a check into being down knows."""

        def judged(check: "Check") -> tuple[states.State, list[states.StatusFlip]]:
            return states.silence(states.with_deadline(check.rules, check.state), now)

        self._change_by_hand(judged)

    def erase(self) -> None:
        """Delete the check and its pings, leaving a tombstone. DoesNotExist when it is deleted."""
        with transaction.atomic():
            change = next_change()
            # The drain takes the same lock: no ping slips in behind the deletion.
            Check.objects.select_for_update().get(pk=self.pk)
            Tombstone.objects.create(code=self.code, directory_change=change)
            self.delete()

    def _change_by_hand(self, change: Any) -> None:
        """Apply a pure change to the locked row. Check.DoesNotExist when it is deleted."""
        with transaction.atomic():
            row = Check.objects.select_for_update().get(pk=self.pk)
            state, flips = change(row)
            self.store_state(state)
            now = timezone.now()
            Flip.objects.bulk_create(Flip.of(self, flip, told_at=now) for flip in flips)

    def store_state(self, state: states.State) -> None:
        """Write the state. `wake_at` becomes the exact deadline. Call it under the row's lock."""
        values = {
            "status": state.status.value,
            "n_pings": state.n_pings,
            "last_ping_at": state.last_ping_at,
            "last_start_at": state.last_start_at,
            "last_start_rid": state.last_start_rid,
            "last_duration_us": microseconds(state.last_duration),
            "status_since": state.status_since,
            "changed_by_hand_at": state.changed_by_hand_at,
            "due_at": state.due_at,
            "down_at": state.down_at,
            "wake_at": state.down_at,
        }
        for name, value in values.items():
            setattr(self, name, value)
        Check.objects.filter(pk=self.pk).update(**values)


class Flip(models.Model):
    """A change of a check's status, written in the transaction that caused it.

    `told_at` is when notifications were made of it (or when nobody was to be told).
    """

    check_ref = models.ForeignKey(Check, models.CASCADE, related_name="flips", db_column="check_id")
    at = models.DateTimeField()
    old_status = models.CharField(max_length=6)
    new_status = models.CharField(max_length=6)
    reason = models.CharField(max_length=7, blank=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["at"], condition=models.Q(told_at__isnull=True), name="flip_to_tell"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["check_ref", "at", "new_status"], name="flip_once_at_a_time"
            ),
        ]

    @classmethod
    def of(cls, check: Check, flip: states.StatusFlip, told_at: datetime | None = None) -> "Flip":
        """Return the unsaved row of a pure flip."""
        return cls(
            check_ref=check,
            at=flip.at,
            old_status=flip.old.value,
            new_status=flip.new.value,
            reason=flip.reason.value,
            told_at=told_at,
        )


class Tombstone(models.Model):
    """A check that was deleted: its pings are dropped, not kept aside."""

    code = models.UUIDField(unique=True)
    directory_change = models.BigIntegerField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)


def _is_taken(code: uuid.UUID) -> bool:
    return any(model.objects.filter(code=code).exists() for model in (Check, Tombstone))


class DirectoryCounter(models.Model):
    """One row: the number of the last change of the directory.

    Its row lock makes changes of the directory commit in the order of their
    numbers, so that whoever has read up to n has missed nothing below n.
    """

    value = models.BigIntegerField(default=0)


def next_change() -> int:
    """Return the next number of the directory; the caller's transaction holds it.

    Lock order everywhere: this counter first, then checks in the order of their ids.
    """
    counter = DirectoryCounter.objects.select_for_update().filter(pk=1)
    if not counter.update(value=models.F("value") + 1):
        DirectoryCounter.objects.get_or_create(pk=1)
        counter.update(value=models.F("value") + 1)
    return counter.get().value


def microseconds(duration: timedelta | None) -> int | None:
    """Return a duration as stored: whole microseconds."""
    return None if duration is None else duration // timedelta(microseconds=1)
