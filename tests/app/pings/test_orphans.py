"""Pings of checks that were lost: kept, folded in, dropped (orphans.py, orphan_return.py)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.accounts.keys import digest
from app.accounts.models import Project
from app.checks.models import Check, Tombstone
from app.pings import orphan_return, orphans
from app.pings.apply import PositionMovedError, apply
from app.pings.frames import Entry
from app.pings.journal import Place
from app.pings.models import Orphan, Position
from app.pings.protocol import Slug
from app.pings.wire import Verdict
from tests.app.pings.test_apply import KEY, T0, batch, event, new_check, position, project

__all__ = ["position", "project"]  # fixtures
pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def lose(position: Position, code: UUID, *minutes: int) -> None:
    """Apply pings of a check that is not there."""
    entries = [Entry(code, event(minute)) for minute in minutes]
    position.refresh_from_db()
    start = Place(position.segment, position.offset)
    done = apply(position.pk, batch(*entries, start=start), None)
    assert (done.pings, done.dropped) == (0, 0)


def test_pings_of_a_lost_check_are_kept_and_folded_in_when_it_is_back(
    project: Project, position: Position
) -> None:
    code = uuid4()
    lose(position, code, 0, 2)
    lose(position, code, 1)
    assert orphan_return.fold_in().pings == 0
    check = Check.objects.create(project=project, code=code, name="back")
    done = orphan_return.fold_in()
    assert (done.pings, done.wakes_notifier) == (3, True)
    check.refresh_from_db()
    assert (check.n_pings, check.status) == (3, "up")
    assert check.last_ping_at == T0 + timedelta(minutes=2)
    assert sorted(check.pings.values_list("received_at", flat=True)) == [
        T0 + timedelta(minutes=minute) for minute in range(3)
    ]
    assert orphan_return.fold_in().pings == 0
    assert not Orphan.objects.exists()


def test_more_than_one_step_is_folded_in(
    project: Project, position: Position, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphan_return, "MOST_AT_ONCE", 2)
    code = uuid4()
    lose(position, code, *range(5))
    Check.objects.create(project=project, code=code)
    assert orphan_return.fold_in().pings == 5


def test_pings_are_kept_in_the_transaction_of_their_batch(position: Position) -> None:
    entries = [Entry(uuid4(), event(0))]
    apply(position.pk, batch(*entries), None)
    with pytest.raises(PositionMovedError):
        apply(position.pk, batch(*entries), None)
    assert Orphan.objects.count() == 1


def test_what_the_receiver_did_not_know_and_what_was_deleted_are_dropped(
    project: Project, position: Position
) -> None:
    deleted = new_check(project)
    code = deleted.code
    deleted.erase()
    guess, late = Entry(uuid4(), event(0), known=False, asks=True), Entry(code, event(1))
    done = apply(position.pk, batch(guess, late), None)
    assert (done.pings, done.dropped) == (0, 2)
    assert [verdict for _, verdict in done.verdicts] == [Verdict.NOT_FOUND]
    assert not Orphan.objects.exists()


def test_a_check_made_by_a_ping_has_the_same_code_when_it_is_made_again(
    project: Project, position: Position
) -> None:
    made = Entry(Slug(digest(KEY), "new"), event(0), known=False, create=True, asks=True)
    apply(position.pk, batch(made), None)
    first = Check.objects.get(slug="new")
    # The failover loses it, and the later ping, journalled by code, comes from another server.
    code = first.code
    Check.objects.all().delete()
    other = Position.objects.create(slot=7, server="other")
    apply(other.pk, batch(Entry(code, event(1)), start=Place()), None)
    Position.objects.filter(pk=position.pk).update(segment=0, offset=0)
    apply(position.pk, batch(made), None)
    assert orphan_return.fold_in().pings == 1
    again = Check.objects.get(slug="new")
    assert (again.code, again.n_pings) == (code, 2)


def test_a_check_made_anew_after_it_was_deleted_has_another_code(project: Project) -> None:
    first = Check.objects.provision(project, "a").code
    second = Check.objects.provision(project, "a").code
    for check in Check.objects.all():
        check.erase()
    third = Check.objects.provision(project, "a").code
    assert len({first, second, third}) == 3
    other = Project.objects.create(name="other")
    assert Check.objects.provision(other, "a").code not in {first, second, third}


def test_orphans_go_by_a_tombstone_and_by_nothing_else(
    position: Position, caplog: pytest.LogCaptureFixture
) -> None:
    buried, waiting = uuid4(), uuid4()
    lose(position, buried, 0)
    lose(position, waiting, 1, 2)
    Tombstone.objects.create(code=buried, directory_change=1)
    orphans.forget_old(NOW)
    assert set(Orphan.objects.values_list("code", flat=True)) == {waiting}
    assert "kept pings dropped count=1" in caplog.text
    orphans.forget_old(NOW + timedelta(days=3_650))
    assert Orphan.objects.count() == 2


def test_tombstones_are_forgotten_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "MOST_FORGOTTEN", 2)
    for number in range(3):
        Tombstone.objects.create(code=uuid4(), directory_change=number)
    orphans.forget_old(NOW + orphans.TOMBSTONES_KEPT_FOR - timedelta(minutes=1))
    assert Tombstone.objects.count() == 3
    orphans.forget_old(NOW + orphans.TOMBSTONES_KEPT_FOR + timedelta(minutes=5))
    assert Tombstone.objects.count() == 1


def test_damage_of_one_check_does_not_hold_up_another(
    project: Project, position: Position, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = uuid4(), uuid4()
    Orphan.objects.create(code=bad, frame=b"nonsense", kept_at=NOW)
    lose(position, good, 0)
    for code in (bad, good):
        Check.objects.create(project=project, code=code)
    assert orphan_return.fold_in().pings == 1
    assert f"cannot be folded in code={bad}" in caplog.text
