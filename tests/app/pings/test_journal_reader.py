"""Where a drain may go on in a journal (app/pings/journal_reader.py)."""

from pathlib import Path

import pytest

from app.pings import journal_reader
from app.pings.frames import HEADER_BYTES
from app.pings.journal import Journal, Place, segments
from app.pings.journal_reader import PlaceUnknown
from tests.app.pings.test_frames import entry
from tests.app.pings.test_journal import directory, frame, journal, opened, read_all

__all__ = ["directory", "journal"]  # fixtures


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Place(1, 10**6), "it ends at"),
        (Place(1, HEADER_BYTES + 5), "inside a frame"),
        (Place(9, HEADER_BYTES), "is missing"),
    ],
)
def test_a_place_that_the_journal_does_not_have_stops_the_drain(
    journal: Journal, directory: Path, place: Place, message: str
) -> None:
    journal.append(frame(journal, entry(1)))
    with pytest.raises(PlaceUnknown, match=message):
        journal_reader.check(directory, journal.identity, place)


def test_every_end_of_a_frame_is_a_place_of_the_journal(journal: Journal, directory: Path) -> None:
    ends = [journal.append(frame(journal, entry(number))) for number in range(5)]
    for place in [Place(), Place(1, HEADER_BYTES), *ends]:
        journal_reader.check(directory, journal.identity, place)


def test_a_missing_segment_in_the_middle_stops_the_drain(directory: Path) -> None:
    journal = opened(directory, segment=200)
    for number in range(9):
        journal.append(frame(journal, entry(number)))
    segments(directory)[2].unlink()
    with pytest.raises(PlaceUnknown, match="is missing"):
        read_all(directory, journal)
    journal.close()
