"""Pings of a check that is not there although it was: kept aside until it comes back.

The check was made after the last transaction that a promoted standby had, or it was
deleted: then there is a tombstone, and its pings are dropped. By nothing else: who is
not wanted back is dropped by a person (lost_checks).
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from app.checks.models import Tombstone
from app.pings.frames import Entry, Whole, decode, encode
from app.pings.models import Orphan

log = logging.getLogger(__name__)

TOMBSTONES_KEPT_FOR = timedelta(days=90)
MOST_FORGOTTEN = 1_000
_ASIDE = UUID(int=0)  # the journal that kept frames seem to be of


def keep(missing: Iterable[Entry]) -> int:
    """Keep those aside that may find their check again; return how many were dropped.

    Call it in the batch's transaction. One that the receiver did not know is a guess at
    an address, and was never answered without the database's word.
    """
    entries = list(missing)
    codes = {entry.target for entry in entries if entry.known and isinstance(entry.target, UUID)}
    if not codes:
        return len(entries)
    codes -= set(Tombstone.objects.filter(code__in=codes).values_list("code", flat=True))
    now = timezone.now()
    rows = [
        Orphan(code=entry.target, frame=encode(_ASIDE, entry), kept_at=now)
        for entry in entries
        if isinstance(entry.target, UUID) and entry.target in codes
    ]
    Orphan.objects.bulk_create(rows)
    if rows:
        log.warning("pings kept aside count=%d checks=%d reason=lost-check", len(rows), len(codes))
    return len(entries) - len(rows)


def entry_of(orphan: Orphan) -> Entry:
    """Return what was kept. ValueError for what is no frame."""
    found = next(decode(_ASIDE, bytes(orphan.frame)), None)
    if not isinstance(found, Whole):
        raise ValueError(f"orphan {orphan.pk} is damaged")
    return found.entry


def forget_old(now: datetime) -> None:
    """Drop what nobody will ask for any more: orphans with a tombstone, and old tombstones."""
    if Orphan.objects.exists():
        buried = Orphan.objects.filter(code__in=Tombstone.objects.values("code"))
        count, _ = buried.delete()
        if count:
            log.warning("kept pings dropped count=%d reason=check-was-deleted", count)
    _forget_tombstones(now - TOMBSTONES_KEPT_FOR)


def _forget_tombstones(before: datetime) -> None:
    """Delete the oldest, some at a time: rides on the primary key."""
    oldest = Tombstone.objects.order_by("pk").values_list("pk", "created_at")
    first = oldest.first()
    if first is not None and first[1] < before:
        old = [pk for pk, created_at in oldest[:MOST_FORGOTTEN] if created_at < before]
        Tombstone.objects.filter(pk__in=old).delete()
