"""A restored database is met: this is where an operator says that it is ours from now on.

It may be older than what the journals still have. What they have is applied from the
place that it says, or from their beginning when that place is not kept any more.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from app.database import as_adopter, server
from app.pings import gone, journal_reader
from app.pings.backlog import count
from app.pings.journal import (
    Identity,
    JournalError,
    Place,
    read_identity,
    segments,
)
from app.pings.models import Position
from app.pings.segment import write_whole
from app.postgresql.servers import NoServer, Seen, Server, remembered, seen_path


class NothingToAdopt(Exception):
    """It is not what was named, or there is nothing to adopt; says what to do."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of one journal. `gone` is None when nobody has counted them.

    `since` is the time (T) up to which the database has everything of this journal.
    """

    journal: str
    pings: int = 0
    gone: int | None = 0
    since: str = ""
    trouble: str = ""
    starts_anew: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The database that is there, the one that was drained into before, the journals."""

    system: int
    timeline: int
    known: int | None
    journals: list[Outlook]
    known_timeline: int | None = None


def look() -> Found:
    """Return what there is. NothingToAdopt with SQLite, whose file moves with its journals."""
    if connection.vendor == "sqlite":
        raise NothingToAdopt("With SQLite there is nothing to adopt: it lies beside the journals.")
    here = _met()
    try:
        known = remembered(seen_path(settings.DATA_DIR))
    except NoServer:
        known = None
    found = sorted(settings.JOURNAL_DIR.iterdir()) if settings.JOURNAL_DIR.is_dir() else []
    journals = [one for one in map(_outlook, found) if one is not None]
    before = (known.system, known.timeline) if known else (None, None)
    return Found(here.system, here.timeline, before[0], journals, before[1])


def adopt(found: Found, system: str) -> None:
    """Drain into the database from now on. NothingToAdopt when it is not the one named."""
    if system != str(found.system):
        raise NothingToAdopt(f"The database here is system {found.system}, not {system}.")
    with transaction.atomic():
        for one in found.journals:
            identity = read_identity(settings.JOURNAL_DIR / one.journal)
            if one.starts_anew and identity is not None:
                row = Position.objects.filter(journal=identity.journal, slot=identity.slot)
                row.update(segment=0, offset=0)
    seen = Seen(found.system, found.timeline)
    write_whole(seen_path(settings.DATA_DIR), seen.packed())


def _met() -> Server:
    as_adopter()
    connection.ensure_connection()
    here = server()
    assert here is not None
    return here


def _outlook(directory: Path) -> Outlook | None:
    try:
        identity = read_identity(directory)
        if identity is None:
            return None
        return _of(directory, identity)
    except JournalError as error:
        return Outlook(directory.name, trouble=str(error))


def _of(directory: Path, identity: Identity) -> Outlook:
    row = Position.objects.filter(journal=identity.journal, slot=identity.slot).first()
    place = Place(row.segment, row.offset) if row else Place()
    since = _text(row.applied_before if row else None)
    kept = segments(directory)
    is_dropped = bool(kept) and place.segment < min(kept)
    if place != Place() and not is_dropped:
        journal_reader.check(directory, identity, place)
        return Outlook(directory.name, count(directory, identity, place), 0, since)
    lost = gone.pings_between(directory, max(place.segment, 1), min(kept)) if kept else 0
    pings = count(directory, identity, Place())
    return Outlook(directory.name, pings, lost, since, starts_anew=place != Place())


def _text(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
