"""From flips to notifications: this is where it is decided who is told of what.

Costs, with nothing to tell: one query on flip_to_tell, one more while receivers
lag. A batch of up to 200 checks costs five statements in one transaction.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from app.alerts.message import UP
from app.alerts.models import Channel, Notification
from app.alerts.transports import TRANSPORTS
from app.checks.models import Check, Flip
from app.checks.state import Reason, Status
from app.database import DATABASE_TROUBLE

log = logging.getLogger(__name__)

TOLD_AT_ONCE = 200  # checks


@dataclass(frozen=True, slots=True)
class _Known:
    """By what is told: the time, T, and when the database failed over, if it did."""

    now: datetime
    applied_before: datetime | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """What telling gave: `is_held` says that a receiver may still change a flip.

    `poisoned` are checks whose flips could not be told; leave them out for a while.
    """

    flips: int = 0
    notifications: int = 0
    is_held: bool = False
    is_more: bool = False
    poisoned: tuple[int, ...] = ()


def tell(
    now: datetime,
    applied_before: datetime | None,
    leave_out: Collection[int] = (),
    changed_at: datetime | None = None,
) -> Told:
    """Make the notifications of flips that were not told yet, oldest first.

    `changed_at` is when the database failed over: of what was before, only the last
    flip of each check is told, because the others may have been told already.

    A flip by silence waits until every ping received before it is applied, and
    the later flips of its check wait behind it. A flip is told in the same
    transaction in which its notifications are made: never lost, never doubled.
    """
    ready = Flip.objects.filter(told_at=None).exclude(check_ref__in=leave_out).order_by("at")
    is_held = False
    if applied_before is not None:
        held = Flip.objects.filter(told_at=None, reason=Reason.TIMEOUT, at__gt=applied_before)
        earlier = held.filter(check_ref=OuterRef("check_ref"), at__lte=OuterRef("at"))
        ready = ready.exclude(Exists(earlier))
        is_held = held.exists()
    found = ready.values_list("check_ref", flat=True)[:TOLD_AT_ONCE]
    checks = sorted(set(found))
    if not checks:
        return Told(is_held=is_held)
    known = _Known(now, applied_before, changed_at)
    flips, notifications, poisoned = _tell_or_put_aside(checks, known)
    is_more = flips > 0 and len(found) == TOLD_AT_ONCE
    return Told(flips, notifications, is_held, is_more, poisoned)


def _tell_or_put_aside(checks: Sequence[int], known: _Known) -> tuple[int, int, tuple[int, ...]]:
    """Tell of all checks at once; when that fails, of each alone."""
    try:
        return *_tell_of(checks, known), ()
    except DATABASE_TROUBLE:
        raise  # the database's trouble, not a check's
    except IntegrityError:
        if len(checks) == 1:
            # A channel or the check was deleted meanwhile: the next turn sees it.
            log.warning("flips told in the next turn check_id=%d", checks[0])
            return 0, 0, ()
    except Exception:
        if len(checks) == 1:
            log.exception("flips put aside check_id=%d", checks[0])
            return 0, 0, (checks[0],)
    results = [_tell_or_put_aside([check], known) for check in checks]
    flips, notifications, poisoned = zip(*results, strict=True)
    return sum(flips), sum(notifications), tuple(pk for pks in poisoned for pk in pks)


@transaction.atomic
def _tell_of(checks: Sequence[int], known: _Known) -> tuple[int, int]:
    # The check's lock keeps the drain from folding its log again, which deletes
    # flips that were not told. What somebody else holds is told in the next turn.
    free = Check.objects.select_for_update(skip_locked=True).filter(pk__in=checks).order_by("pk")
    codes = dict(free.values_list("pk", "code"))
    flips = _in_order(codes, known.applied_before)
    news = [flip for flip in _last_before(flips, known.changed_at) if _is_news(flip)]
    channels = _channels_of([flip.check_ref_id for flip in news])
    notifications = [
        _notification(flip, codes[flip.check_ref_id], channel, known.now)
        for flip in news
        for channel in channels[flip.check_ref_id]
        if TRANSPORTS[channel.kind].wants(channel.config, flip.new_status)
    ]
    # A conflict: this flip was told before, and came back in a failover.
    Notification.objects.bulk_create(notifications, ignore_conflicts=True)
    Flip.objects.filter(pk__in=[flip.pk for flip in flips]).update(told_at=known.now)
    return len(flips), len(notifications)


def _in_order(checks: Collection[int], applied_before: datetime | None) -> list[Flip]:
    """Return the flips to tell of these checks; none behind one that is held."""
    ready: list[Flip] = []
    held: set[int] = set()
    for flip in Flip.objects.filter(told_at=None, check_ref__in=checks).order_by("at", "pk"):
        may_change = applied_before is not None and flip.at > applied_before
        if flip.reason == Reason.TIMEOUT and may_change:
            held.add(flip.check_ref_id)
        if flip.check_ref_id not in held:
            ready.append(flip)
    return ready


def _last_before(flips: Sequence[Flip], changed_at: datetime | None) -> list[Flip]:
    """Leave out the flips from before the failover that another such one follows."""
    if changed_at is None:
        return list(flips)
    last = {flip.check_ref_id: flip for flip in flips if flip.at < changed_at}
    return [flip for flip in flips if flip.at >= changed_at or last[flip.check_ref_id] is flip]


def _is_news(flip: Flip) -> bool:
    """Return False for what nobody is woken for: a first ping, a pause, a resumption."""
    if flip.new_status == UP:
        return flip.old_status == Status.DOWN
    return flip.new_status == Status.DOWN


def _channels_of(checks: Collection[int]) -> dict[int, list[Channel]]:
    """Return the enabled channels of each check."""
    channels: dict[int, list[Channel]] = defaultdict(list)
    assigned = Channel.checks.through.objects.filter(
        check__in=checks, channel__disabled_at=None
    ).select_related("channel")
    for row in assigned:
        channels[row.check_id].append(row.channel)
    return channels


def _notification(flip: Flip, code: UUID, channel: Channel, now: datetime) -> Notification:
    # Told again after a failover it has the same code: a mail program shows one.
    what = f"{code}/{flip.at.isoformat()}/{flip.new_status}"
    return Notification(
        code=uuid5(channel.code, what),
        channel=channel,
        check_ref_id=flip.check_ref_id,
        flip_at=flip.at,
        old_status=flip.old_status,
        new_status=flip.new_status,
        reason=flip.reason,
        next_attempt_at=now,
    )
