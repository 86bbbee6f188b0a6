"""A lost check is there again: this is where the pings that were kept for it are folded in.

It was made again by a ping with `create=1` that was applied again, by a restore, or by hand.
"""

import logging
from uuid import UUID

from django.db import transaction

from app.checks.models import Check
from app.database import DATABASE_TROUBLE
from app.pings.apply import Applied, folded
from app.pings.journal import Place
from app.pings.models import Orphan
from app.pings.orphans import entry_of
from app.pings.store import store

log = logging.getLogger(__name__)

MOST_AT_ONCE = 2_000


def fold_in() -> Applied:
    """Fold all that is kept for checks that are there; return what that did."""
    done = Applied()
    back = Check.objects.filter(code__in=Orphan.objects.values("code"))
    for code in list(back.values_list("code", flat=True)):
        try:
            while _fold(code, done):
                pass
        except DATABASE_TROUBLE:
            raise
        except Exception:
            log.exception("kept pings cannot be folded in code=%s", code)
    if done.pings:
        log.warning("kept pings folded in count=%d", done.pings)
    return done


@transaction.atomic
def _fold(code: UUID, done: Applied) -> bool:
    """Fold some of a check's; False when there are no more. Another drain waits for its lock."""
    loaded = store().load([code.bytes])
    rows = list(Orphan.objects.filter(code=code).order_by("pk")[:MOST_AT_ONCE])
    if not loaded or not rows:
        return False
    entries = [(entry_of(row), Place()) for row in rows]
    store().write([folded(loaded[0], entries, done)])
    Orphan.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return True
