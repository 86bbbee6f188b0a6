"""What do the standbys have? This is where it is known which journal files a failover may want.

A standby that is promoted knows nothing of the transactions that had not reached its disk.
Their pings are applied again from the journal, which so long has to be kept.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from app.pings.journal import Place

# A standby is configured when it has a slot: one that is disconnected has no other trace.
# A slot's restart_lsn is what its standby has on disk. One without a slot counts while it
# streams; its flush_lsn is NULL to whom pg_monitor was not granted, and then nobody knows.
_WAL = """
WITH reached(lsn) AS (
    SELECT restart_lsn
    FROM pg_replication_slots
    WHERE slot_type = 'physical'
      AND NOT temporary
    UNION ALL
    SELECT flush_lsn
    FROM pg_stat_replication
    WHERE state IS DISTINCT FROM 'backup'
      AND pid NOT IN (SELECT active_pid
                      FROM pg_replication_slots
                      WHERE active_pid IS NOT NULL)
)
SELECT (pg_current_wal_lsn() - '0/0')::bigint,
    (SELECT min(lsn) - '0/0' FROM reached)::bigint,
    (SELECT count(*) FROM reached WHERE lsn IS NULL)
"""

Places = Mapping[int, Place]


@dataclass(slots=True)
class Marks:
    """How far journals were drained when the database's log (WAL) was how long. Pure.

    Void after a change of timeline: the same number is another place there.
    """

    waiting: deque[tuple[int, Places]] = field(default_factory=deque)
    safe: dict[int, Place] = field(default_factory=dict)

    def note(self, lsn: int, places: Places) -> None:
        """Note that what lies before `places` was committed before `lsn`.

        Only a new segment is news: there are no more marks than segments.
        """
        before = self.waiting[-1][1] if self.waiting else self.safe
        if _segments(before) != _segments(places):
            self.waiting.append((lsn, dict(places)))

    def reach(self, lsn: int) -> None:
        """Note that every standby has on its disk what was written before `lsn`."""
        while self.waiting and self.waiting[0][0] <= lsn:
            self.safe |= self.waiting.popleft()[1]


def _segments(places: Places) -> dict[int, int]:
    return {key: place.segment for key, place in places.items()}


def log_lengths(cursor: Any) -> tuple[int, int | None]:
    """Return how much log is written, and how much of it every standby has on its disk.

    0 for the latter when nobody knows, None without a standby.
    """
    cursor.execute(_WAL)
    written, reached, unknown = cursor.fetchone()
    if unknown:
        return written, 0
    return written, reached


class Flushed:
    """Marks of one connection to the database: a new one begins anew, and only keeps more."""

    def __init__(self) -> None:
        self._marks = Marks()

    def places(self, drained: Places) -> dict[int, Place]:
        """Return of each position up to where its journal is not wanted any more.

        `drained` is what is committed. With SQLite it is returned as it is.
        """
        if connection.vendor == "sqlite":
            return dict(drained)
        with connection.cursor() as cursor:
            written, reached = log_lengths(cursor)
        self._marks.note(written, drained)
        self._marks.reach(written if reached is None else reached)
        return {key: self._marks.safe.get(key, Place()) for key in drained}
