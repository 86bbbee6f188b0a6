"""Checks that a failover has lost: this is where an operator sees them by the pings they left.

Their rows died with the old primary, and nobody deleted them. Their pings wait (orphans):
until the check is made again with its code, or a person says that it is not wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Min

from app.checks.models import Check, Tombstone, next_change
from app.pings.models import Orphan
from app.pings.orphans import entry_of


class NotLost(Exception):
    """There is nothing to drop; says why."""


@dataclass(frozen=True, slots=True)
class LostCheck:
    """A code without a row. Times are of receipt, UTC; None for what cannot be read."""

    code: UUID
    pings: int
    first_at: datetime | None
    last_at: datetime | None


def lost_checks() -> Iterator[LostCheck]:
    """Yield every lost check whose pings are kept, in the order of their codes.

    Rides on the index of `code`; two look-ups by primary key a check.
    """
    kept = Orphan.objects.exclude(code__in=Check.objects.values("code"))
    counted = kept.values("code").annotate(pings=Count("pk"), first=Min("pk"), last=Max("pk"))
    for row in counted.order_by("code"):
        first, last = _received_at(row["first"]), _received_at(row["last"])
        yield LostCheck(row["code"], row["pings"], first, last)


def drop(code: UUID) -> int:
    """Delete a lost check for good, as its page would have; return how many pings went.

    Receivers answer 404 to its pings from then on. NotLost when it is none.
    """
    with transaction.atomic():
        change = next_change()
        if Check.objects.filter(code=code).exists():
            raise NotLost(f"{code} is there: its kept pings are folded in within half a minute.")
        kept = Orphan.objects.filter(code=code)
        if not kept.exists():
            raise NotLost(f"No pings are kept for {code}.")
        Tombstone.objects.get_or_create(code=code, defaults={"directory_change": change})
        count, _ = kept.delete()
    return count


def _received_at(pk: int) -> datetime | None:
    try:
        return entry_of(Orphan.objects.get(pk=pk)).event.received_at
    except (Orphan.DoesNotExist, ValueError):
        return None
