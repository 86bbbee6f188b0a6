"""Projects and accounts that end."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from app.accounts import keys, members
from app.accounts.founding import found
from app.accounts.models import Invitation, Member, Project, Role, User
from app.checks import endings, ping_key
from app.checks.models import Check, Flip, Tombstone
from app.pings.directory import Directory
from app.pings.directory_feed import changes_since
from app.pings.models import Ping
from tests.app.pages.world import NOW, make_ping, make_world

pytestmark = pytest.mark.django_db


def test_every_check_of_a_project_leaves_a_tombstone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "ERASED_AT_ONCE", 3)
    world = make_world()
    for number in range(7):
        make_ping(Check.objects.create(project=world.project, slug=f"{number}"), 1)
    other = Check.objects.create(project=Project.objects.get(name="Elsewhere"), slug="kept")
    codes = set(world.project.checks.values_list("code", flat=True))
    endings.end_project(world.project)
    assert set(Tombstone.objects.values_list("code", flat=True)) == codes
    assert list(Check.objects.all()) == [other]
    assert list(Project.objects.values_list("name", flat=True)) == ["Elsewhere"]
    assert not Ping.objects.exists()
    assert not Flip.objects.exists()


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_batch_that_is_full_is_not_the_end(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "ERASED_AT_ONCE", 2)
    project = found(User.objects.create_user("a@example.org"), "Lab")
    for number in range(count):
        Check.objects.create(project=project, slug=f"{number}")
    endings.end_project(project)
    assert not Project.objects.exists()
    assert Tombstone.objects.count() == count


def test_receivers_forget_the_checks() -> None:
    world, directory = make_world(), Directory()
    key = ping_key.issue(world.project, NOW)
    directory.apply(changes_since(-1))
    before = directory.number
    endings.end_project(world.project)
    directory.apply(changes_since(before))
    assert directory.find(world.check.code)[0] == "no"
    assert len(key) == 22
    assert not Project.objects.filter(ping_key_digest=keys.digest(key)).exists()


def test_a_project_that_is_gone_says_so() -> None:
    project = found(User.objects.create_user("a@example.org"), "Lab")
    endings.end_project(project)
    with pytest.raises(Project.DoesNotExist):
        endings.end_project(project)


def test_an_account_with_shared_projects_stays_whole() -> None:
    world = make_world()
    alone = found(world.owner, "Lab")
    assert endings.close_account(world.owner) == [world.project]
    assert User.objects.filter(pk=world.owner.pk).exists()
    assert Project.objects.filter(pk=alone.pk).exists()


def test_what_an_account_leaves_behind() -> None:
    world = make_world()
    Member.objects.filter(project=world.project).exclude(user=world.owner).delete()
    guest = found(world.stranger, "Guests")
    Member.objects.create(project=guest, user=world.owner, role=Role.MANAGER)
    Invitation.objects.create(
        project=guest,
        email="x@example.org",
        role=Role.MEMBER,
        digest="d",
        invited_by=world.owner,
        expires_at=NOW,
    )
    Project.objects.filter(pk=guest.pk).update(offered_to=world.owner)
    code = world.check.code
    assert endings.close_account(world.owner) == []
    assert Tombstone.objects.get().code == code
    guest.refresh_from_db()
    assert guest.offered_to is None
    assert [member.user for member in guest.members.all()] == [world.stranger]
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_project_that_is_taken_over_meanwhile_is_not_left_without_an_owner(
    is_alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another tab, while the checks of the account's own project are deleted."""
    user, other = (User.objects.create_user(f"{name}@example.org") for name in ("a", "b"))
    found(user, "Lab")
    guest = found(other, "Guests")
    Member.objects.create(project=guest, user=user, role=Role.MEMBER)
    end = endings.end_project

    def end_slowly(project: Project) -> None:
        end(project)
        if project.name == "Lab":
            members.offer(guest, other, guest.members.get(user=user))
            members.accept_offer(guest, user)
            if is_alone:
                members.remove(guest.members.get(user=other))

    monkeypatch.setattr(endings, "end_project", end_slowly)
    assert endings.close_account(user) == ([] if is_alone else [guest])
    assert User.objects.filter(pk=user.pk).exists() != is_alone
    assert Project.objects.filter(pk=guest.pk).exists() != is_alone
    assert not Project.objects.exclude(members__role=Role.OWNER).exists()


def test_a_project_made_meanwhile_goes_with_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create_user("a@example.org")
    found(user, "Lab")
    end = endings.end_project

    def end_slowly(project: Project) -> None:
        end(project)
        if project.name == "Lab":
            Check.objects.create(project=found(user, "Late"), slug="late")

    monkeypatch.setattr(endings, "end_project", end_slowly)
    assert endings.close_account(user) == []
    assert not Project.objects.exists()
    assert Tombstone.objects.count() == 1


def test_a_project_is_locked_before_what_is_in_it() -> None:
    """In the order of those who change its people; else each waits for the other."""
    if not connection.features.has_select_for_update:
        pytest.skip("this database has no locks of rows")
    project = make_world().project
    with CaptureQueriesContext(connection) as queries:
        endings.end_project(project)
    said = [query["sql"] for query in queries]
    last = next(n for n, sql in enumerate(said) if sql.startswith('DELETE FROM "accounts_member"'))
    locks = [sql for sql in said[:last] if sql.endswith(" FOR UPDATE")]
    assert any('FROM "accounts_project"' in sql for sql in locks)
