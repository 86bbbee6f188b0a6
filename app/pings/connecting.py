"""The drain meets its database: this is where it makes sure that it is the right one.

What it has written to is noted on this machine's disk before it writes there, so that
neither a restart nor an old primary that comes back can make it go astray.
"""

import logging
import time

from django.conf import settings
from django.db import connection
from django.utils import timezone

from app.database import as_worker, server
from app.pings import timelines
from app.pings.models import Timeline
from app.pings.segment import write_whole
from app.pings.store import store
from app.postgresql.servers import (
    AnotherDatabase,
    Seen,
    TwoPrimaries,
    remembered,
    seen_path,
)

log = logging.getLogger(__name__)

ALARM_SECONDS = 60.0


def connect() -> Timeline | None:
    """Connect this thread to the primary and return its timeline; None with SQLite.

    NoServer when no host may be used: pings are taken all the while.
    """
    as_worker()
    connection.ensure_connection()
    store().prepare()
    note_seen()
    return timelines.note(timezone.now())


def note_seen() -> None:
    """Note on disk which database this thread is connected to, if that is news."""
    here, path = server(), seen_path(settings.DATA_DIR)
    if here is None:
        return
    seen = Seen(here.system, here.timeline)
    if remembered(path) != seen:
        write_whole(path, seen.packed())
        facts = (seen.system, seen.timeline, here.host)
        log.info("database noted system=%d timeline=%d host=%s", *facts)


class Complaints:
    """Says that the database is away: each time, and as an alarm when a person has to act."""

    def __init__(self) -> None:
        self._alarmed_at = float("-inf")

    def say(self, error: Exception) -> None:
        """Log it. An alarm is repeated once a minute, and nothing is said between."""
        reason = " ".join(str(error).split())
        if not isinstance(error, AnotherDatabase | TwoPrimaries):
            log.warning("database is away reason=%s", reason)
        elif time.monotonic() - self._alarmed_at >= ALARM_SECONDS:
            self._alarmed_at = time.monotonic()
            log.critical("draining is stopped, pings are kept reason=%s", reason)
