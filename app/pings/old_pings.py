"""Pings that an earlier run of a receiver took and that are not in the database yet.

A receiver that starts knows of them only by its journal: from the place that the drain
had reached when it last said so (kept in `JOURNAL_DIR/<slot>/drained`, a hint that may be
missing or a second old) up to where this run begins. Their age counts for `/-/prompt`,
as that of new pings does.
"""

import logging
from datetime import datetime
from pathlib import Path

from app.pings import journal_reader
from app.pings.intake import Intake
from app.pings.journal import Identity, JournalError, Place

log = logging.getLogger(__name__)

_CHUNK_BYTES = 2**20


class OldPings:
    """The stretch of a journal up to `end`, where this run began."""

    def __init__(self, directory: Path, identity: Identity, end: Place, intake: Intake) -> None:
        self._directory, self._identity, self._end = directory, identity, end
        self._intake = intake
        self._hint = directory / "drained"
        self._kept = self._start = self._read_hint()
        self._is_looked_at = self._is_over = False

    def look(self) -> None:
        """Tell the intake since when the oldest of them waits; keep the hint. Once a second.

        Reads a frame of the journal while there are such pings and the drain has moved on.
        """
        drained = self._intake.undrained.place
        if not self._is_over and (drained > self._start or not self._is_looked_at):
            self._start, self._is_looked_at = max(drained, self._start), True
            self._is_over = self._start >= self._end
            self._intake.undrained.note_old(self._end, None if self._is_over else self._oldest())
        if drained > self._kept:
            self._keep(drained)

    def _oldest(self) -> datetime | None:
        """Return when the oldest was received. What cannot be read the drain complains of."""
        try:
            return self._received_at(self._start)
        except (JournalError, OSError) as error:
            log.warning("age of old pings is unknown reason=%s", error)
            return None

    def _received_at(self, start: Place) -> datetime | None:
        batch = journal_reader.read(
            self._directory, self._identity, start,
            until=self._end, most_entries=1, chunk_bytes=_CHUNK_BYTES,
        )  # fmt: skip
        return batch.entries[0][0].event.received_at if batch.entries else None

    def _keep(self, drained: Place) -> None:
        """Keep the place for the next start. Not synced: a lost hint costs accuracy alone."""
        beside = self._hint.with_name("drained.new")
        try:
            beside.write_text(f"{drained.segment} {drained.offset}\n", "ascii")
            beside.replace(self._hint)
        except OSError:
            return  # a full disk is told by the journal
        self._kept = drained

    def _read_hint(self) -> Place:
        """Return the place that was kept; the beginning when it is none of this journal."""
        try:
            segment, offset = self._hint.read_text("ascii").split()
            place = Place(int(segment), int(offset))
            journal_reader.check(self._directory, self._identity, place)
        except (OSError, ValueError, JournalError):
            return Place()
        return place if place <= self._end else Place()
