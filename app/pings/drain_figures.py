"""What the drain counts, and what it says of its journals: told to receivers once a second.

The drain has no port. Each receiver shows these figures on its own page, for as long as
they are fresh (receiver_figures).
"""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection

from app.metrics import catalogue as its
from app.metrics import process, samples
from app.metrics.samples import Distribution, Sample
from app.pings import wire
from app.pings.backlog import ASIDE
from app.pings.damage import TORN
from app.pings.drain_journals import Draining
from app.pings.drain_links import Links
from app.pings.flushed import log_lengths
from app.pings.frames import HEADER_BYTES
from app.pings.journal import Identity, segments
from app.pings.pipeline import Run

TELL_EACH_SECONDS = 1.0
# Folders and standbys are looked at less often.
LOOK_EACH_SECONDS = 5.0


class Figures:
    """Counts of the drain since its start."""

    def __init__(self) -> None:
        self.batch_seconds = Distribution(its.BATCH_SECONDS)
        self.batch_pings = Distribution(its.BATCH_PINGS)
        self.applied = self.dropped = 0
        self._told_at = self._looked_at = -LOOK_EACH_SECONDS
        self._looked: list[Sample] = []
        self._cut_short_at: dict[UUID, float] = {}

    def run(self, run: Run) -> None:
        """Count batches that are in the database; one that only moved on has no pings."""
        for pings, seconds in run.batches:
            if pings:
                self.batch_seconds.observe(seconds)
                self.batch_pings.observe(pings)
        self.applied += run.done.pings
        self.dropped += run.done.dropped

    def cut_short(self, draining: Draining) -> None:
        """Note that segments of a journal had to go before their time."""
        self._cut_short_at[draining.identity.journal] = time.monotonic()

    def look(self, links: Links, journals: Sequence[Draining]) -> None:
        """Look at journals and standbys, now and then; the database is there."""
        if time.monotonic() - self._looked_at < LOOK_EACH_SECONDS:
            return
        self._looked_at = time.monotonic()
        self._looked = []
        for draining in journals:
            self._looked += _of_journal(draining, links)
            self._looked.append(self._kept_short(draining.identity))
        unflushed_bytes = _unflushed_bytes()
        if unflushed_bytes is not None:
            self._looked.append(Sample(its.UNFLUSHED, unflushed_bytes))

    def tell(self, links: Links, *, is_connected: bool) -> None:
        """Tell the receivers, once a second. Asks no database: it may be away."""
        if time.monotonic() - self._told_at < TELL_EACH_SECONDS:
            return
        self._told_at = time.monotonic()
        said = samples.packed(self.samples(is_connected=is_connected))
        for link in links.known():
            # Who reads slowly gets them later: they never pile up.
            if not link.unsent:
                link.say(wire.Say.FIGURES, said)

    def samples(self, *, is_connected: bool) -> Iterator[Sample]:
        """Yield what is known now; of journals only while the database says how far they are."""
        yield self.batch_seconds.sample()
        yield self.batch_pings.sample()
        yield Sample(its.APPLIED, self.applied)
        yield Sample(its.DROPPED, self.dropped)
        yield Sample(its.DATABASE, int(is_connected))
        yield from process.cost("drain")
        if is_connected:
            yield from self._looked

    def _kept_short(self, identity: Identity) -> Sample:
        cut_at = self._cut_short_at.get(identity.journal, -math.inf)
        is_short = time.monotonic() - cut_at < settings.JOURNAL_KEEP_SECONDS
        return Sample(its.KEPT_SHORT, int(is_short), (str(identity.slot),))


def _unflushed_bytes() -> float | None:
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        written, reached = log_lengths(cursor)
    return float(written - reached) if reached else None


def _of_journal(draining: Draining, links: Links) -> Iterator[Sample]:
    identity, place = draining.identity, draining.place
    slot = (str(identity.slot),)
    sizes = {number: _size(path) for number, path in segments(draining.directory).items()}
    link = links.of(identity.journal, identity.slot)
    if link is not None and link.end is not None and link.end.segment in sizes:
        # A file may be longer than what is in it.
        sizes[link.end.segment] = link.end.offset
    kept_bytes = sum(size for number, size in sizes.items() if number < place.segment)
    behind = sum(size - HEADER_BYTES for number, size in sizes.items() if number > place.segment)
    rest_bytes = max(sizes.get(place.segment, 0) - place.offset, 0)
    yield Sample(its.BACKLOG, behind + rest_bytes, slot)
    yield Sample(its.STUCK, int(draining.is_stuck), slot)
    yield Sample(its.KEPT, kept_bytes, slot)
    damaged, refused = (_files(draining.directory / name) for name in ASIDE)
    yield Sample(its.DAMAGED, len(damaged), slot)
    yield Sample(its.DAMAGED_BYTES, sum(damaged), slot)
    yield Sample(its.ASIDE, len(refused), slot)


def _files(directory: Path) -> list[int]:
    return [_size(path) for path in directory.glob("*") if path.suffix != TORN]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it is being deleted
        return 0
