"""Where each journal begins (app/pings/drain_journals.py): no ping is skipped."""

import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from app.pings.drain import Drain
from app.pings.drain_journals import Draining, Journals
from app.pings.drain_links import Links
from app.pings.frames import HEADER_BYTES, Entry, encode
from app.pings.journal import Identity, Journal, Place, read_identity, segments
from app.pings.models import Position, Timeline
from tests.app.pings.test_apply import event

pytestmark = pytest.mark.django_db


@pytest.fixture
def journal(tmp_path: Path, settings: Settings) -> Path:
    """Make a journal of three segments with two pings each."""
    settings.JOURNAL_DIR = tmp_path
    writer = Journal(tmp_path / "0", 0, limit_bytes=10**6, segment_bytes=10**5)
    for minute in range(3):
        if minute:
            writer.roll()
        entry = Entry(uuid4(), event(minute))
        writer.append(2 * encode(writer.identity.journal, entry))
    writer.close()
    return tmp_path / "0"


def identity(journal: Path) -> Identity:
    found = read_identity(journal)
    assert found is not None
    return found


def known(journal: Path, place: Place) -> Position:
    """Let the database say that the journal is drained up to there."""
    return Position.objects.create(
        journal=identity(journal).journal, slot=0, segment=place.segment, offset=place.offset
    )


def begun(journals: Journals) -> tuple[Place, bool]:
    """Return where the one journal begins, and whether it is stuck."""
    journals.find()
    (one,) = journals.all()
    return one.place, one.is_stuck


def test_a_database_that_knows_nothing_gets_all_that_is_kept(journal: Path) -> None:
    min(segments(journal).values()).unlink()
    journals = Journals()
    assert begun(journals) == (Place(), False)
    assert Position.objects.get().journal == identity(journal).journal


@pytest.mark.parametrize("segment", [1, 2, 3])
def test_what_the_database_says_is_believed_whether_it_went_back_or_is_ahead(
    journal: Path, segment: int
) -> None:
    size = segments(journal)[segment].stat().st_size
    for offset in (HEADER_BYTES, (HEADER_BYTES + size) // 2, size):
        Position.objects.all().delete()
        known(journal, Place(segment, offset))
        assert begun(Journals()) == (Place(segment, offset), False)


@pytest.mark.parametrize(
    "place", [Place(1, HEADER_BYTES + 1), Place(2, 10**6), Place(9, HEADER_BYTES)]
)
def test_a_place_that_the_journal_does_not_have_is_an_alarm_and_nothing_is_skipped(
    journal: Path, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    position = known(journal, place)
    assert begun(Journals()) == (place, True)
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    position.refresh_from_db()
    assert Place(position.segment, position.offset) == place


def test_a_missing_segment_is_an_alarm_until_it_is_back(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known(journal, Place(2, HEADER_BYTES))
    missing = segments(journal)[2]
    shutil.move(missing, journal.parent / "elsewhere")
    journals = Journals()
    assert begun(journals) == (Place(2, HEADER_BYTES), True)
    journals.retry_stuck()
    assert begun(journals)[1]
    assert [record.levelname for record in caplog.records] == 2 * ["CRITICAL"]
    shutil.move(journal.parent / "elsewhere", missing)
    journals.retry_stuck()
    assert begun(journals) == (Place(2, HEADER_BYTES), False)


def test_a_position_says_on_which_timeline_it_was_met(journal: Path) -> None:
    journals = Journals()
    assert not begun(journals)[1]
    assert Position.objects.get().timeline is None
    journals.timeline = Timeline.objects.create(system=1, number=2, seen_at=timezone.now())
    begun(journals)
    assert Position.objects.get().timeline is None  # it has not asked the database anew
    journals.forget()
    begun(journals)
    assert Position.objects.get().timeline == journals.timeline


def test_a_journal_that_the_disk_does_not_give_is_stuck_and_stops_nobody(journal: Path) -> None:
    path = segments(journal)[2]
    path.unlink()
    path.mkdir()  # opens with an error of the system, as a bad sector reads with one
    links = Links(journal.parent / "drain.sock")
    draining = Draining(journal, identity(journal), 1, Place(2, HEADER_BYTES))
    try:
        assert Drain(links)._drain(draining) is False
    finally:
        links.close()
    assert draining.is_stuck
    known(journal, Place(2, HEADER_BYTES + 1))
    assert begun(Journals()) == (Place(2, HEADER_BYTES + 1), True)


def test_on_a_link_that_keeps_breaking_every_journal_has_its_turn(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Journal(journal.parent / "1", 1, limit_bytes=10**6, segment_bytes=10**5)
    second.close()
    links = Links(journal.parent / "drain.sock")
    drain, begun = Drain(links), list[str]()

    def breaks(draining: Draining) -> bool:
        begun.append(draining.directory.name)
        raise OperationalError("the link broke")

    monkeypatch.setattr(drain, "_drain", breaks)
    # Of the round, only its journals: another connection would not see what the test has made.
    monkeypatch.setattr(drain, "_is_connected", True)
    monkeypatch.setattr(drain, "_feed_directories", lambda: None)
    try:
        for _ in range(4):
            with pytest.raises(OperationalError):
                drain._round()
            drain._journals.forget()
    finally:
        links.close()
    assert sorted(begun[:2]) == ["0", "1"]
    assert begun[:2] == begun[2:]
