"""Checks that a failover has lost are listed, and go when a person says so (lost_checks.py)."""

import json
from datetime import timedelta
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from app.accounts.models import Project
from app.checks.models import Check, Tombstone
from app.pings import directory_feed, lost_checks, orphans
from app.pings.lost_checks import LostCheck
from app.pings.models import Orphan, Position
from tests.app.pings.test_apply import T0, position, project
from tests.app.pings.test_orphans import lose

__all__ = ["position", "project"]  # fixtures
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def listed(*arguments: str) -> str:
    printed = StringIO()
    call_command("lost_checks", *arguments, stdout=printed)
    return printed.getvalue().strip()


def test_a_lost_check_is_listed_with_its_pings(position: Position) -> None:
    assert listed() == "No check is lost."
    one, other = sorted((uuid4(), uuid4()))
    lose(position, other, 7)
    lose(position, one, 1, 3, 5)
    assert list(lost_checks.lost_checks()) == [
        LostCheck(one, 3, T0 + MINUTE, T0 + 5 * MINUTE),
        LostCheck(other, 1, T0 + 7 * MINUTE, T0 + 7 * MINUTE),
    ]
    first, second = json.loads(listed("--json"))
    assert (first["code"], first["pings"]) == (str(one), 3)
    assert first["last_at"] == (T0 + 5 * MINUTE).isoformat()
    assert f"check {other}: 1 ping kept, {T0 + 7 * MINUTE:%Y-%m-%d %H:%M:%S} UTC to" in listed()
    assert second["code"] == str(other)


def test_what_cannot_be_read_is_listed_all_the_same() -> None:
    code = uuid4()
    Orphan.objects.create(code=code, frame=b"nonsense", kept_at=timezone.now())
    assert list(lost_checks.lost_checks()) == [LostCheck(code, 1, None, None)]
    assert listed().endswith("1 ping kept, ? to ?")


def test_a_check_that_is_back_is_not_lost(project: Project, position: Position) -> None:
    code = uuid4()
    lose(position, code, 0)
    Check.objects.create(project=project, code=code)
    assert list(lost_checks.lost_checks()) == []
    with pytest.raises(CommandError, match="is there"):
        listed("--drop", str(code))
    assert Orphan.objects.count() == 1


def test_one_that_a_person_drops_is_deleted_for_good(position: Position) -> None:
    unwanted, other = uuid4(), uuid4()
    lose(position, unwanted, 0, 1)
    lose(position, other, 2)
    before = directory_feed.newest()
    assert listed("--drop", str(unwanted)) == f"check {unwanted} is deleted, with 2 pings"
    assert kept() == {other}
    # Receivers hear of it, so that its job is told: 404.
    assert unwanted.bytes in directory_feed.changes_since(before).gone
    lose_again = Orphan(code=unwanted, frame=b"", kept_at=timezone.now())
    lose_again.save()  # another server's drain, at the same moment
    orphans.forget_old(timezone.now())
    assert kept() == {other}
    with pytest.raises(CommandError, match="No pings are kept"):
        listed("--drop", str(unwanted))
    assert Tombstone.objects.count() == 1


def kept() -> set[UUID]:
    return set(Orphan.objects.values_list("code", flat=True))
