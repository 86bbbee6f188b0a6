"""A ping that the database refuses does not stop the rest (app/pings/poison.py)."""

from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction

from app.accounts.models import Project
from app.database import DATABASE_TROUBLE
from app.pings import poison
from app.pings.frames import decode
from app.pings.journal import Identity
from app.pings.journal_reader import Batch
from app.pings.models import Position
from tests.app.pings.test_apply import T0, event, new_check, position, project, to

__all__ = ["position", "project"]  # fixtures
pytestmark = pytest.mark.django_db


def test_what_a_database_refuses_does_not_stop_the_rest(
    project: Project, position: Position, tmp_path: Path
) -> None:
    check = new_check(project)
    identity = Identity(uuid4(), 0, "")
    poisoned = event(1, exit_status=2**63)
    good = to(check, event(0, user_agent="nul \0 here"), poisoned, event(2))
    done = poison.apply_around(tmp_path, identity, position.pk, good, T0)
    assert (done.pings, done.dropped) == (2, 1)
    check.refresh_from_db()
    assert check.n_pings == 2
    (aside,) = (tmp_path / "refused").iterdir()
    (frame,) = decode(identity.journal, aside.read_bytes())
    assert frame.entry.event == poisoned  # type: ignore[union-attr]
    position.refresh_from_db()
    assert (position.offset, position.applied_before) == (70, T0)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no standby")
def test_a_server_that_takes_no_writes_is_no_fault_of_the_pings(
    project: Project, position: Position, tmp_path: Path
) -> None:
    check = new_check(project)
    with pytest.raises(DATABASE_TROUBLE):
        _apply_read_only(tmp_path, position, to(check, event(0)))
    assert list(tmp_path.iterdir()) == []


def _apply_read_only(directory: Path, position: Position, batch: Batch) -> None:
    with transaction.atomic():  # the savepoint's end makes it writable again
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        poison.apply_around(directory, Identity(uuid4(), 0, ""), position.pk, batch, T0)
