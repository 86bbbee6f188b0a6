"""Has anything changed that a list shows? This is where a live page is told no, cheaply."""

from datetime import datetime
from hashlib import blake2s
from typing import Any

from django.db.models import Count, Max, QuerySet, Sum

from app.checks.models import Check
from app.checks.shown_now import rank


def fingerprint(checks: QuerySet[Check], now: datetime, *shown_too: Any) -> str:
    """Return what differs whenever a page of these checks does. One query.

    Edits and new checks move directory_change, pings n_pings, hands
    changed_by_hand_at; deadlines that pass move a check to another rank; and
    relative times are said to the minute.
    """
    groups = (
        checks.annotate(rank=rank(now))
        .order_by("rank")
        .values_list("rank")
        .annotate(
            Count("pk"),
            Sum("pk"),
            Sum("n_pings"),
            Max("directory_change"),
            Max("changed_by_hand_at"),
        )
    )
    minute = now.replace(second=0, microsecond=0)
    seen = repr((list(groups), minute, *shown_too))
    return blake2s(seen.encode(), digest_size=8).hexdigest()
