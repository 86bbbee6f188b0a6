"""What alerts have to know of a failover of the database: this is where they wait it out.

A promoted standby may lack what the old primary had last. Until every receiver's drain
has met the new one and applied its pings again, flips are missing that were told already.
"""

from datetime import datetime

from django.db import connection

from app.database import server
from app.pings import timelines
from app.pings.models import Timeline


class Failover:
    """The timeline that a notifier is connected to, and when it took over. None with SQLite."""

    def __init__(self) -> None:
        self.timeline: Timeline | None = None
        self.changed_at: datetime | None = None
        self._server: object = None

    def look(self, now: datetime) -> None:
        """Connect, and look whether it is to another timeline now; asks only after a connect."""
        # A turn's first statement must not be what connects: all of the turn has to know.
        connection.ensure_connection()
        here = server()
        if here is self._server:
            return
        self.timeline = timelines.note(now)
        self.changed_at = timelines.changed_at(self.timeline)
        self._server = here

    def is_reapplying(self, applied_before: datetime | None) -> bool:
        """Return True until every live receiver's pings from before the change are applied."""
        if self.changed_at is None or applied_before is None:
            return False
        return applied_before < self.changed_at
