"""The next batches of a journal: this is where it is said how much the drain takes at once.

A batch is what is there, up to a number of pings and of bytes. The number grows
while the drain is behind, so that a distant database is asked less often, and is
small otherwise: rows are locked, and nobody else is served, while a batch is applied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from app.pings import journal_reader
from app.pings.drain_journals import Draining
from app.pings.drain_links import Link
from app.pings.journal import Place
from app.pings.journal_reader import Batch

LEAST_ENTRIES = 1_000
MOST_ENTRIES = 4_000
MOST_BYTES = 8 * 2**20
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Step:
    """A batch, and T with it, which never goes back.

    `is_last`: it has all that the receiver had said was there.
    """

    batch: Batch
    applied_before: datetime | None
    is_last: bool


def steps(draining: Draining, link: Link | None) -> Iterator[Step]:
    """Yield what is there, batch by batch; the last one may be empty.

    JournalError when the journal cannot be read.
    """
    until, start = (link.end or Place()) if link else None, draining.place
    most, said = max(draining.most_entries, LEAST_ENTRIES), draining.applied_before
    while True:
        batch = journal_reader.read(
            draining.directory,
            draining.identity,
            start,
            until=until,
            most_entries=most,
            most_bytes=MOST_BYTES,
            chunk_bytes=_CHUNK_BYTES,
        )
        is_all = link is not None and link.end is not None and batch.end >= link.end
        newest = link.end_time if is_all and link else batch.newest()
        said = max((at for at in (said, newest) if at is not None), default=None)
        is_last = is_all or batch.end == batch.start
        most = draining.most_entries = LEAST_ENTRIES if is_last else min(most * 2, MOST_ENTRIES)
        yield Step(batch, said, is_last)
        if is_last:
            return
        start = batch.end
