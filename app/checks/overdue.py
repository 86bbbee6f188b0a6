"""Which checks have fallen silent? This is where they are declared down.

Costs, with nothing due: four queries that ride on check_wake_at. A check that
goes down costs four statements in a transaction of its own, so that one which
cannot be judged takes nothing with it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from app.checks import state as states
from app.checks.models import Check, Flip
from app.database import DATABASE_TROUBLE

log = logging.getLogger(__name__)

JUDGED_AT_ONCE = 100  # so that a storm of silence does not hold up telling of it
PUT_ASIDE_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging gave.

    `is_held`: a deadline has passed, but a receiver may still hold a ping from
    before it, or somebody is changing the check just now.
    `is_more`: call again at once.
    `next_at`: the next time at which a check may be overdue.
    """

    flipped: int
    is_held: bool
    is_more: bool
    next_at: datetime | None


def judge(now: datetime, applied_before: datetime | None) -> Judged:
    """Declare down the checks whose deadline has passed, and that nobody can still save.

    `applied_before`: every ping received before it is applied; None means that
    no receiver lives, and the clock alone decides. A ping received at exactly
    the deadline is late (grace is half-open), so `applied_before` may equal it.
    """
    horizon = now if applied_before is None else min(now, applied_before)
    _raise_wake_ups(now)
    overdue = Check.objects.to_judge(now).filter(down_at__lte=now)
    ripe = overdue.filter(down_at__lte=horizon)
    pks = list(ripe.values_list("pk", flat=True)[:JUDGED_AT_ONCE])
    flipped = sum(_judge_or_put_aside(pk, horizon, now) for pk in pks)
    is_more = flipped > 0 and len(pks) == JUDGED_AT_ONCE
    coming = Check.objects.filter(wake_at__gt=now).order_by("wake_at")
    return Judged(
        flipped,
        is_held=not is_more and overdue.exists(),
        is_more=is_more,
        next_at=coming.values_list("wake_at", flat=True).first(),
    )


def _raise_wake_ups(now: datetime) -> None:
    """Move on the checks that were heard of since: `wake_at` is a lower bound.

    Rows that the drain holds are left for the next time: waiting for it could
    end in a deadlock.
    """
    heard = Check.objects.to_judge(now).filter(Q(down_at__gt=now) | Q(down_at=None))
    pks = list(heard.values_list("pk", flat=True)[: 10 * JUDGED_AT_ONCE])
    if not pks:
        return
    with transaction.atomic():
        free = heard.filter(pk__in=pks).select_for_update(skip_locked=True)
        locked = list(free.values_list("pk", flat=True))
        Check.objects.filter(pk__in=locked).update(wake_at=F("down_at"))


def _judge_or_put_aside(pk: int, horizon: datetime, now: datetime) -> bool:
    """Return True when the check went down."""
    try:
        return _judge_one(pk, horizon)
    except DATABASE_TROUBLE:
        raise  # the database's trouble, not this check's
    except Exception:
        log.exception("check put aside check_id=%d until=%s", pk, now + PUT_ASIDE_FOR)
        Check.objects.filter(pk=pk).update(wake_at=now + PUT_ASIDE_FOR)
        return False


@transaction.atomic
def _judge_one(pk: int, horizon: datetime) -> bool:
    # A row that is locked is being changed by the drain, a page or another
    # notifier: it is looked at again in the next turn.
    check = Check.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if check is None:
        return False
    state, flips = states.silence(check.state, horizon)
    if state == check.state:
        return False
    check.store_state(state)
    Flip.objects.bulk_create((Flip.of(check, flip) for flip in flips), ignore_conflicts=True)
    return bool(flips)
