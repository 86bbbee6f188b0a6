"""Where a drain may go on in a journal (app/pings/journal_reader.py)."""

import os
from pathlib import Path

import pytest

from app.pings import journal_reader
from app.pings.frames import HEADER_BYTES
from app.pings.journal import Journal, Place, segments
from app.pings.journal_reader import PlaceUnknown
from tests.app.pings.test_frames import entry
from tests.app.pings.test_journal import directory, frame, journal, opened

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


def test_a_missing_segment_stops_the_drain_behind_all_that_lies_before_it(
    directory: Path,
) -> None:
    journal = opened(directory, segment=200)
    ends = [journal.append(frame(journal, entry(number))) for number in range(12)]
    intact = [entry(number) for number, end in enumerate(ends) if end.segment < 3]
    segments(directory)[3].unlink()
    before = journal_reader.read(directory, journal.identity, Place(), until=journal.end)
    assert [item for item, _ in before.entries] == intact
    assert before.end.segment == 2
    with pytest.raises(PlaceUnknown, match="is missing"):
        journal_reader.read(directory, journal.identity, before.end, until=journal.end)
    journal.close()


def test_what_a_receiver_writes_meanwhile_is_believed_only_when_it_is_on_disk(
    journal: Journal, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = [journal.append(frame(journal, entry(0)))]
    ends_synced: list[Place] = []
    sync = os.fdatasync

    def synced(handle: int) -> None:
        sync(handle)
        ends_synced.append(ends[-1])
        if len(ends) == 1:  # written right behind the sync, and not synced
            data, offset = frame(journal, entry(1)), ends[0].offset
            with segments(directory)[1].open("r+b") as file:
                file.seek(offset)
                file.write(data)
            ends.append(Place(1, offset + len(data)))

    monkeypatch.setattr(os, "fdatasync", synced)
    batch = journal_reader.read(directory, journal.identity, Place(), until=None)
    assert batch.entries
    assert batch.end <= ends_synced[-1]
