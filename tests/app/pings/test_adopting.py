"""What an operator is told of a restored database before it is adopted (adopting.py)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from app.pings import gone
from app.pings.adopting import Outlook, adopt, look
from app.pings.frames import HEADER_BYTES
from app.pings.journal import Place, segments
from app.pings.models import Position
from app.postgresql.servers import Seen, remembered, seen_path
from tests.app.pings.test_drain_journals import identity, journal, known

__all__ = ["journal"]  # a fixture: three segments with two pings each
pytestmark = pytest.mark.django_db
T = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
needs_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is a file")


@pytest.fixture(autouse=True)
def seen(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Let this machine have written to another database, and put the connection back."""
    settings.DATA_DIR = tmp_path
    path = seen_path(tmp_path)
    path.write_bytes(Seen(1, 9).packed())
    yield path
    connection.__dict__.pop("takes_any", None)


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("adopt_database", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a fleet has something to adopt")
def test_with_sqlite_there_is_nothing_to_adopt() -> None:
    with pytest.raises(CommandError, match="nothing to adopt"):
        said()


@needs_postgresql
@pytest.mark.parametrize(
    ("place", "pings"),
    [
        (None, 6),
        (Place(1, HEADER_BYTES), 6),
        (Place(2, HEADER_BYTES), 4),
        (Place(3, HEADER_BYTES), 2),
    ],
)
def test_what_the_journal_has_behind_the_place_can_be_applied_again(
    journal: Path, place: Place | None, pings: int
) -> None:
    if place is not None:
        known(journal, place)
    (one,) = look().journals
    assert one == Outlook("0", pings)


@needs_postgresql
def test_what_was_dropped_since_is_gone_and_counted(journal: Path, seen: Path) -> None:
    row = known(journal, Place(1, HEADER_BYTES))
    Position.objects.filter(pk=row.pk).update(applied_before=T)
    first, second, _ = segments(journal).values()
    gone.note(journal, [first, second])
    for path in (first, second):
        path.unlink()
    text = said()
    assert "2 pings can be applied again; at most 4 are gone" in text
    assert "those since 2026-03-01 12:00:00 UTC" in text
    row.refresh_from_db()
    assert (row.segment, remembered(seen)) == (1, Seen(1, 9))

    found = look()
    assert text.endswith(f"--confirm {found.system}\n")
    with pytest.raises(CommandError, match="not 12"):
        said("--confirm", "12")
    said("--confirm", str(found.system))
    row.refresh_from_db()
    assert (row.segment, row.offset) == (0, 0)  # the beginning of what is kept
    assert remembered(seen) == Seen(found.system, found.timeline)


@needs_postgresql
def test_what_nobody_has_counted_is_said_to_be_unknown(journal: Path) -> None:
    known(journal, Place(1, HEADER_BYTES))
    segments(journal)[1].unlink()
    assert "an unknown number is gone" in said()


@needs_postgresql
def test_a_place_beyond_the_journal_is_left_to_a_person(journal: Path, seen: Path) -> None:
    row = known(journal, Place(3, 10**6))
    found = look()
    assert "it ends at" in found.journals[0].trouble
    adopt(found, str(found.system))
    row.refresh_from_db()
    assert (row.segment, row.offset) == (3, 10**6)
    assert identity(journal).journal == row.journal
    assert remembered(seen) == Seen(found.system, found.timeline)
