"""Close one's account."""

from django.contrib.auth import SESSION_KEY
from django.test import Client

from app.accounts.founding import found
from app.accounts.models import Member, Project, Role, User
from app.checks.models import Check, Tombstone
from tests.app.pages.world import World, client_of

PATH = "/account/close/"


def test_own_projects_go_with_the_account_and_leave_tombstones(world: World) -> None:
    client = client_of(world.stranger)
    project = Project.objects.get(name="Elsewhere")
    check = Check.objects.create(project=project, slug="a")
    Member.objects.create(project=world.project, user=world.stranger, role=Role.MEMBER)
    page = client.get(PATH).content.decode()
    assert "<strong>Elsewhere</strong>" in page
    assert "You leave <strong>Production</strong>" in page
    response = client.post(PATH, {"email": " STRANGER@example.org"})
    assert (response.status_code, response["Location"]) == (302, "/sign-in/")
    assert SESSION_KEY not in client.session
    assert not User.objects.filter(pk=world.stranger.pk).exists()
    assert list(Project.objects.all()) == [world.project]
    assert Tombstone.objects.get().code == check.code
    assert world.project.members.count() == 4


def test_it_is_refused_while_others_work_in_an_own_project(world: World, owner: Client) -> None:
    found(world.owner, "Lab")
    page = owner.get(PATH).content.decode()
    assert "others work in projects that you own" in page
    assert "Production" in page
    assert owner.post(PATH, {"email": "owner@example.org"}).status_code == 422
    assert Project.objects.filter(members__user=world.owner).count() == 2
    assert Check.objects.exists()


def test_another_address_closes_nothing(world: World) -> None:
    client = client_of(world.reader)
    response = client.post(PATH, {"email": "owner@example.org"})
    assert response.status_code == 422
    assert "This is not the address of the account" in response.content.decode()
    assert User.objects.filter(pk=world.reader.pk).exists()


def test_other_sessions_of_the_user_end(world: World) -> None:
    here, there = client_of(world.reader), client_of(world.reader)
    here.post(PATH, {"email": world.reader.email})
    assert there.get("/account/").status_code == 302


def test_the_next_page_says_so(world: World) -> None:
    client: Client = client_of(world.reader)
    page = client.post(PATH, {"email": world.reader.email}, follow=True).content.decode()
    assert "Your account is closed." in page
