"""When a standby took over, and which directory numbers were lost with it (timelines.py)."""

from datetime import UTC, datetime, timedelta

import pytest

from app.checks.models import next_change
from app.pings import directory_feed, timelines
from app.postgresql.servers import Server

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def connect_to(monkeypatch: pytest.MonkeyPatch, number: int, system: int = 7_000) -> None:
    here = Server("db", system, number, is_writable=True)
    monkeypatch.setattr(timelines, "server", lambda: here)


def test_the_first_timeline_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_to(monkeypatch, 5)
    assert timelines.changed_at(timelines.note(T0)) is None
    assert timelines.changed_at(timelines.note(T0 + timedelta(hours=1))) is None


@pytest.mark.parametrize(("number", "system"), [(6, 7_000), (1, 8_000)])
def test_another_one_has_changed_when_it_was_first_seen(
    monkeypatch: pytest.MonkeyPatch, number: int, system: int
) -> None:
    connect_to(monkeypatch, 5)
    timelines.note(T0)
    connect_to(monkeypatch, number, system)
    for hours in (1, 2, 3):
        found = timelines.note(T0 + timedelta(hours=hours))
        assert timelines.changed_at(found) == T0 + timedelta(hours=1)


def test_a_number_of_a_lost_change_is_never_taken_for_one_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect_to(monkeypatch, 1)
    timelines.note(T0)
    for _ in range(3):
        next_change()
    connect_to(monkeypatch, 2)
    timelines.note(T0)
    for _ in range(3):
        next_change()
    newest = directory_feed.newest()
    # The old primary had counted to 5 before it died; a receiver has heard of that.
    assert [directory_feed.changes_since(number).is_whole for number in (2, 3, 4, 5, newest)] == [
        False, False, True, True, False,
    ]  # fmt: skip
    assert not directory_feed.changes_since(newest - 2).is_whole
