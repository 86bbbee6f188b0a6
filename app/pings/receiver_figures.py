"""What a receiver says at `/-/metrics`: this is where its numbers are read.

The drain has no port: it says its figures over the link once a second, and they are
shown here for as long as they are fresh. When it is gone, or says nothing any more,
they are missing rather than zero.
"""

import time
from collections.abc import Iterator, Sequence

from app.metrics import catalogue as its
from app.metrics import exporter, process, samples
from app.metrics.samples import Sample
from app.pings.intake import Intake

# The drain says them once a second; a large batch on a slow database may take that long.
FRESH_SECONDS = 15.0


class DrainSaid:
    """What the drain has said last over this receiver's link; times are monotonic seconds."""

    def __init__(self) -> None:
        self._samples: Sequence[Sample] = ()
        self._at = 0.0
        self.is_linked = False

    def hear(self, said: Sequence[object], now: float) -> None:
        """Take figures in."""
        self._samples, self._at = samples.unpacked(said), now

    def linked(self) -> None:
        """Note that the drain is there."""
        self.is_linked = True

    def gone(self) -> None:
        """Forget what a drain said that is gone."""
        self._samples, self.is_linked = (), False

    def fresh(self, now: float) -> Iterator[Sample]:
        """Yield what is known of the drain at `now`."""
        yield Sample(its.DRAIN_LINKED, int(self.is_linked))
        if not self._samples:
            return
        age_seconds = now - self._at
        yield Sample(its.DRAIN_SAID, age_seconds)
        if age_seconds < FRESH_SECONDS:
            yield from self._samples


def page(intake: Intake, drain: DrainSaid, connections: int) -> str:
    """Return the text of a scrape."""
    of_drain = drain.fresh(time.monotonic())
    return exporter.text([*_own(intake, connections), *process.cost("receiver"), *of_drain])


def _own(intake: Intake, connections: int) -> Iterator[Sample]:
    tally = intake.tally
    yield Sample(its.TAKEN, intake.taken_total)
    for status, count in sorted(tally.refused.items()):
        yield Sample(its.REFUSED, count, (str(status),))
    yield Sample(its.QUEUED, intake.queued())
    yield Sample(its.DWELL, intake.dwell_seconds())
    yield tally.commit_seconds.sample()
    yield tally.commit_pings.sample()
    yield Sample(its.WRITTEN, tally.written_bytes)
    for reason in ("full", "broken"):
        yield Sample(its.JOURNAL_REFUSALS, tally.journal_refusals[reason], (reason,))
    used_bytes, limit_bytes = intake.room()
    yield Sample(its.USED, used_bytes)
    yield Sample(its.LIMIT, limit_bytes)
    yield Sample(its.HEALTH, int(intake.is_prompt()), ("prompt",))
    yield Sample(its.HEALTH, int(intake.accepted_last), ("accepting",))
    yield Sample(its.CONNECTIONS, connections)
    yield Sample(its.CHECKS, len(intake.directory))
