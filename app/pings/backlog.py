"""What lies in this server's journals and is not in the database yet: this is where it is counted.

It reads what the drain reads, and leaves the drain's work to it. It may run beside both.
"""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from app.pings import journal_reader
from app.pings.frames import HEADER_BYTES
from app.pings.journal import Identity, JournalError, Place, read_identity, segments
from app.pings.models import Position
from app.pings.segment import written_bytes

ASIDE = ("damaged", "refused")  # folders beside the segments, for a person to look at


@dataclass(frozen=True, slots=True)
class Backlog:
    """One journal. `aside`: files of bytes and pings that no drain will apply.

    `pings` are whole ones; `size_bytes` counts what follows the last whole one too. With
    a `trouble` the drain is stuck, and nobody knows how many there are.
    """

    journal: str
    pings: int = 0
    size_bytes: int = 0
    aside: int = 0
    trouble: str = ""


def backlogs() -> list[Backlog]:
    """Return one for each journal of this server, in the order of their folders' names."""
    if not settings.JOURNAL_DIR.is_dir():
        return []
    found = (_backlog(each) for each in sorted(settings.JOURNAL_DIR.iterdir()))
    return [one for one in found if one is not None]


def count(directory: Path, identity: Identity, place: Place) -> int:
    """Return how many whole pings the journal has from that place on."""
    pings = 0
    while True:
        batch = journal_reader.read(directory, identity, place, until=None)
        pings += len(batch.entries)
        if batch.end == place:
            return pings
        place = batch.end


def _backlog(directory: Path) -> Backlog | None:
    try:
        identity = read_identity(directory)
        if identity is None:
            return None
        start = _place(identity)
        journal_reader.check(directory, identity, start)
        pings = count(directory, identity, start)
    except JournalError as error:
        return Backlog(directory.name, aside=_aside(directory), trouble=str(error))
    return Backlog(directory.name, pings, _size(directory, start), _aside(directory))


def _place(identity: Identity) -> Place:
    row = Position.objects.filter(journal=identity.journal, slot=identity.slot).first()
    return Place(row.segment, row.offset) if row else Place()


def _size(directory: Path, place: Place) -> int:
    sizes = {number: written_bytes(path) for number, path in segments(directory).items()}
    later = (size - HEADER_BYTES for number, size in sizes.items() if number > place.segment)
    return sum(later) + max(sizes.get(place.segment, 0) - place.offset, 0)


def _aside(directory: Path) -> int:
    return sum(1 for name in ASIDE for _ in (directory / name).glob("*"))
