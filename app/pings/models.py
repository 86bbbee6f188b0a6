"""The log of pings, and how far each journal has been drained."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from app.checks.models import Check


class Ping(models.Model):
    """A line of a check's log. Written by the drain alone (pings/store)."""

    # No constraint in the database: it costs a look-up a ping, and the drain
    # holds the check's row lock while it writes.
    check_ref = models.ForeignKey(
        Check,
        models.CASCADE,
        related_name="pings",
        db_column="check_id",
        db_constraint=False,
        db_index=False,
    )
    n = models.BigIntegerField()
    received_at = models.DateTimeField()
    action = models.CharField(max_length=7)
    exit_status = models.SmallIntegerField(null=True)
    rid = models.UUIDField(null=True)
    scheme = models.CharField(max_length=5)
    method = models.CharField(max_length=10)
    remote_addr = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=200)
    body = models.BinaryField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["check_ref", "n"], name="ping_n_once_in_a_check"),
        ]


class Timeline(models.Model):
    """A timeline of a PostgreSQL cluster on which we have written, and since when.

    A promotion begins one. A restored database has another system identifier.
    `directory_number` is the directory's last change that it took over; None when it
    is the first one. Later numbers on the timeline before may mean something else.
    """

    system = models.BigIntegerField()
    number = models.IntegerField()
    seen_at = models.DateTimeField()
    directory_number = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["system", "number"], name="timeline_once"),
        ]


class PositionQuerySet(models.QuerySet["Position"]):
    """Questions about how far the journals were drained."""

    def applied_before(self, now: datetime, silent_after_seconds: int) -> "datetime | None":
        """Return the time before which every live receiver's pings are applied.

        None when there is no live receiver. A receiver is live until it has said
        nothing for `silent_after_seconds`.
        """
        newest_silent = now.timestamp() - silent_after_seconds
        times = [
            position.applied_before
            for position in self.filter(is_retired=False)
            if position.applied_before is not None
            and position.applied_before.timestamp() > newest_silent
        ]
        return min(times, default=None)


class Position(models.Model):
    """How far one slot of one journal was drained, swapped in the batch's transaction.

    `applied_before` (T): every ping this receiver took before it is applied. `timeline`
    is the one on which its drain has read it last; None with SQLite. `dropped_early`
    counts journal files that had to go before every standby had what was in them.
    """

    journal = models.UUIDField(default=uuid.uuid4)
    slot = models.SmallIntegerField()
    server = models.CharField(max_length=100)
    segment = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    applied_before = models.DateTimeField(null=True)
    is_retired = models.BooleanField(default=False)
    timeline = models.ForeignKey(
        Timeline, models.SET_NULL, null=True, db_constraint=False, db_index=False
    )
    dropped_early = models.BigIntegerField(db_default=0)

    objects = PositionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["journal", "slot"], name="position_once_for_a_slot"),
        ]


class Orphan(models.Model):
    """A ping of a check that the receiver knew and the database does not: it may come back.

    A failover can take a check with it that was made just before. `frame` is the entry as
    a journal has it (pings/orphans).
    """

    code = models.UUIDField(db_index=True)
    frame = models.BinaryField()
    kept_at = models.DateTimeField(db_index=True)
