"""What a receiver counts while it works: plain numbers, read at a scrape."""

from collections import Counter

from app.metrics.catalogue import COMMIT_PINGS, COMMIT_SECONDS
from app.metrics.samples import Distribution


class Tally:
    """Counts of one receiver since its start. A ping costs no more than an addition."""

    __slots__ = ("commit_pings", "commit_seconds", "journal_refusals", "refused", "written_bytes")

    def __init__(self) -> None:
        self.commit_seconds = Distribution(COMMIT_SECONDS)
        self.commit_pings = Distribution(COMMIT_PINGS)
        self.written_bytes = 0
        # By reason, "full" or "broken": batches, each of which may hold many pings.
        self.journal_refusals: Counter[str] = Counter()
        # By HTTP status.
        self.refused: Counter[int] = Counter()

    def committed(self, pings: int, size_bytes: int) -> None:
        """Count a batch that is durable."""
        self.commit_pings.observe(pings)
        self.written_bytes += size_bytes
