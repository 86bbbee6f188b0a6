"""The journals of this server: this is where the drain finds them and where each begins."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from app.pings import journal_reader
from app.pings.journal import Identity, JournalError, Place, read_identity
from app.pings.models import Position, Timeline

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Draining:
    """One journal being drained. `place` is what the database last said."""

    directory: Path
    identity: Identity
    position_id: int
    place: Place
    said_at: float = 0.0
    asked_at: datetime | None = None
    applied_before: datetime | None = None
    is_stuck: bool = False
    most_entries: int = 0  # of the next batch, when the last one had said that there is more

    def stick(self, error: JournalError | OSError) -> None:
        """Stop draining a journal that cannot be read or understood: a person has to look."""
        log.critical("journal is stuck slot=%d reason=%s", self.identity.slot, error)
        self.is_stuck = True


class Journals:
    """All journals in JOURNAL_DIR, each with the place that the database has said.

    `timeline` is that of the database which says it.
    """

    def __init__(self) -> None:
        self.timeline: Timeline | None = None
        self._journals: dict[Path, Draining] = {}
        self._complaints: set[str] = set()
        self._turn, self._turns = 0, dict[Path, int]()

    def all(self) -> list[Draining]:
        """Return the journals that were found."""
        return list(self._journals.values())

    def in_turn(self) -> Iterator[Draining]:
        """Yield the journals: first the one whose turn is longest ago, whatever broke it off.

        On a link that keeps breaking the second one would never have its turn.
        """
        for draining in sorted(self.all(), key=lambda one: self._turns.get(one.directory, 0)):
            self._turn += 1
            self._turns[draining.directory] = self._turn
            yield draining

    def forget(self) -> None:
        """Forget all places: the database has to be asked again."""
        self._journals.clear()

    def retry_stuck(self) -> None:
        """Look again at what is stuck: a person may have mended it, or is told once more."""
        for directory, draining in list(self._journals.items()):
            if draining.is_stuck:
                del self._journals[directory]

    def find(self) -> None:
        """Begin with journals that are new here, and let go of those that are gone."""
        known = len(self._journals)
        if not settings.JOURNAL_DIR.is_dir():
            return
        for directory in settings.JOURNAL_DIR.iterdir():
            if directory in self._journals:
                continue
            try:
                identity = read_identity(directory)
                if identity is not None:
                    self._journals[directory] = _begun(directory, identity, self.timeline)
            except JournalError as error:
                if str(error) not in self._complaints:
                    log.error("journal cannot be drained reason=%s", error)
                self._complaints.add(str(error))
        if len(self._journals) > known:
            self._retire_lost()

    def _retire_lost(self) -> None:
        """Let no alert wait for a journal that is not there any more.

        With SQLite all journals are here. In a fleet an operator says which
        server will not come back: a label is not enough to be sure.
        """
        if connection.vendor != "sqlite":
            return
        here = [draining.identity.journal for draining in self._journals.values()]
        live = Position.objects.filter(is_retired=False)
        for lost in live.exclude(journal__in=here):
            log.warning("journal is gone journal=%s slot=%d", lost.journal, lost.slot)
            Position.objects.filter(pk=lost.pk).update(is_retired=True)


def _begun(directory: Path, identity: Identity, timeline: Timeline | None) -> Draining:
    row, _ = Position.objects.get_or_create(
        journal=identity.journal,
        slot=identity.slot,
        defaults={"server": settings.SERVER_NAME},
    )
    if row.is_retired or row.timeline_id != (timeline.pk if timeline else None):
        # From here on the notifier knows that we have met this timeline (alerts/hearing).
        Position.objects.filter(pk=row.pk).update(is_retired=False, timeline=timeline)
    place = Place(row.segment, row.offset)
    draining = Draining(directory, identity, row.pk, place, applied_before=row.applied_before)
    try:
        journal_reader.check(directory, identity, place)
    except (JournalError, OSError) as error:
        draining.stick(error)
    return draining
