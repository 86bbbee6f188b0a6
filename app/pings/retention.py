"""What is kept: pings of a check up to a number, journal segments until they are safe."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db import connection

from app.pings.journal import Place, segments
from app.pings.models import Ping

log = logging.getLogger(__name__)

MOST_PRUNED = 2_000


def prune_pings(check_id: int, up_to_n: int, after_n: int = 0) -> int:
    """Delete the check's pings with after_n < n <= up_to_n, at most MOST_PRUNED of them.

    Return up to which n nothing is left. Numbers have no gaps, so that a range of them
    is a bound of rows; where it begins is looked up when `after_n` does not say it.
    Both ride on the unique index of (check, n).
    """
    pings = Ping.objects.filter(check_ref=check_id)
    if not after_n:
        oldest = pings.order_by("n").values_list("n", flat=True).first()
        after_n = up_to_n if oldest is None else min(oldest - 1, up_to_n)
    reached = min(up_to_n, after_n + MOST_PRUNED)
    if reached > after_n:
        with connection.cursor() as cursor:
            cursor.execute(_PRUNE, [check_id, after_n, reached])
    return max(reached, after_n)


_PRUNE = """
DELETE FROM pings_ping
WHERE check_id = %s
  AND n > %s
  AND n <= %s
"""


def droppable(
    known: dict[int, Path], drained: Place, now: float, *, keep_seconds: int, limit_bytes: int
) -> Sequence[Path]:
    """Return the segments that may go: drained, and old enough or in the way.

    The newest one always stays: its number must never be used again. Half the
    journal's bound is kept free for new pings, at the price of the older kept ones.
    """
    drained_ones = [path for number, path in known.items() if number < drained.segment]
    sizes = {path: path.stat().st_size for path in known.values()}
    total, gone = sum(sizes.values()), []
    for path in drained_ones:
        is_old = now - path.stat().st_mtime >= keep_seconds
        if not is_old and total <= limit_bytes // 2:
            break
        total -= sizes[path]
        gone.append(path)
    return gone


def drop_segments(directory: Path, drained: Place) -> bool:
    """Delete the segments that are safe in the database; True when one went before its time."""
    now = time.time()
    gone = droppable(
        segments(directory),
        drained,
        now,
        keep_seconds=settings.JOURNAL_KEEP_SECONDS,
        limit_bytes=settings.JOURNAL_LIMIT_BYTES,
    )
    if not gone or not _is_on_disk():
        return False
    is_short = any(now - path.stat().st_mtime < settings.JOURNAL_KEEP_SECONDS for path in gone)
    for path in gone:
        path.unlink(missing_ok=True)
    log.info("journal segments dropped count=%d", len(gone))
    return is_short


def _is_on_disk() -> bool:
    """Return True when what the drain has committed survives a power cut."""
    if connection.vendor != "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(FULL)")
        busy, in_wal, moved = cursor.fetchone()
    return bool(not busy and in_wal == moved)
