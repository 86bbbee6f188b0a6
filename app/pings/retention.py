"""What is kept: pings of a check up to a number, journal segments until they are safe."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import F

from app.pings import gone
from app.pings.journal import Place, segments
from app.pings.models import Ping, Position

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


@dataclass(frozen=True, slots=True)
class Dropping:
    """The segments that may go. The last `early` of them are in the way and still wanted."""

    paths: tuple[Path, ...] = ()
    early: int = 0


def droppable(
    known: dict[int, Path],
    drained: Place,
    safe: Place,
    now: float,
    *,
    keep_seconds: int,
    limit_bytes: int,
) -> Dropping:
    """Return the segments that may go: drained, old and `safe` on every standby, or in the way.

    The newest one always stays: its number must never be used again. Half the
    journal's bound is kept free for new pings, at the price of the older kept ones.
    """
    sizes = {path: path.stat().st_size for path in known.values()}
    total, paths, early = sum(sizes.values()), list[Path](), 0
    for number, path in known.items():
        is_old = now - path.stat().st_mtime >= keep_seconds
        is_wanted = not is_old or number >= safe.segment
        if number >= drained.segment or (is_wanted and total <= limit_bytes // 2):
            break
        total -= sizes[path]
        paths.append(path)
        early += is_wanted
    return Dropping(tuple(paths), early)


def drop_segments(directory: Path, position_id: int, drained: Place, safe: Place) -> bool:
    """Delete what is not wanted any more, or has to go; True when something went early."""
    dropping = droppable(
        segments(directory),
        drained,
        safe,
        time.time(),
        keep_seconds=settings.JOURNAL_KEEP_SECONDS,
        limit_bytes=settings.JOURNAL_LIMIT_BYTES,
    )
    if not dropping.paths or not _is_on_disk():
        return False
    gone.note(directory, dropping.paths)
    for path in dropping.paths:
        path.unlink(missing_ok=True)
    log.info("journal segments dropped count=%d", len(dropping.paths))
    if dropping.early:
        log.error(
            "journal segments dropped early count=%d journal=%s: a failover may want them. "
            "Is a standby away, or JOURNAL_LIMIT_BYTES too small?",
            dropping.early,
            directory.name,
        )
        early = F("dropped_early") + dropping.early
        Position.objects.filter(pk=position_id).update(dropped_early=early)
    return dropping.early > 0


def _is_on_disk() -> bool:
    """Return True when what the drain has committed survives a power cut."""
    if connection.vendor != "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(FULL)")
        busy, in_wal, moved = cursor.fetchone()
    return bool(not busy and in_wal == moved)
