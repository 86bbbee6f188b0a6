"""Accept an invitation."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from app.accounts.invitations import LIFETIME, invite
from app.accounts.models import Invitation, Member, Role, User
from tests.app.pages.world import PASSWORD, World, client_of

NEW = "new@example.org"


def link_for(
    world: World, email: str = NEW, role: Role = Role.MEMBER, age: timedelta | None = None
) -> str:
    now = timezone.now() - (age or timedelta(0))
    link = invite(world.project, email, role, world.manager, now)
    return link.removeprefix("http://localhost:8000")


def test_the_page_shows_project_role_and_inviter(world: World) -> None:
    page = Client().get(link_for(world)).content.decode()
    for what in ("Production", "as member", "manager@example.org", NEW):
        assert what in page


def test_who_has_no_account_makes_one_with_a_click(world: World) -> None:
    client, link = Client(), link_for(world)
    assert "Make an account and join" in client.get(link).content.decode()
    assert not User.objects.filter(email=NEW).exists()
    page = client.post(link, follow=True)
    assert "you are in Production now" in page.content.decode()
    user = User.objects.get(email=NEW)
    assert client.session[SESSION_KEY] == str(user.pk)
    assert world.project.members.get(user=user).role == Role.MEMBER


def test_a_link_that_still_works_is_not_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    client, link = Client(), link_for(world, "stranger@example.org")
    assert client.post(link).status_code == 403
    assert client.put(link).status_code == 405
    assert link not in caplog.text


def test_who_has_an_account_signs_in_first_and_comes_back(world: World) -> None:
    client, link = Client(), link_for(world, "stranger@example.org")
    page = client.get(link).content.decode()
    assert f'href="/sign-in/?next={link}"' in page
    assert "Make an account" not in page
    assert client.post(link).status_code == 403
    assert SESSION_KEY not in client.session
    form = {"email": "stranger@example.org", "password": PASSWORD, "next": link}
    assert client.post("/sign-in/", form)["Location"] == link
    assert "Join as stranger@example.org" in client.get(link).content.decode()
    assert client.post(link).status_code == 302
    assert world.project.members.get(user=world.stranger).role == Role.MEMBER


def test_who_is_signed_in_joins_as_that_user(world: World) -> None:
    client = client_of(world.stranger)
    link = link_for(world)
    assert "The invitation went to another address" in client.get(link).content.decode()
    assert client.post(link).status_code == 302
    assert world.project.members.filter(user=world.stranger).exists()
    assert not User.objects.filter(email=NEW).exists()


@pytest.mark.parametrize("name", ["owner", "manager", "reader"])
def test_a_member_keeps_role_and_invitation(name: str, world: World) -> None:
    user = getattr(world, name)
    before = world.project.members.get(user=user).role
    client, link = client_of(user), link_for(world, role=Role.MEMBER)
    assert "are in this project already" in client.get(link).content.decode()
    page = client.post(link, follow=True).content.decode()
    assert "Your role stays as it is." in page
    assert world.project.members.get(user=user).role == before
    assert Client().post(link).status_code == 302


def test_no_form_field_changes_the_role(world: World) -> None:
    client, link = client_of(world.stranger), link_for(world, role=Role.READ_ONLY)
    client.post(link, {"role": "owner", "user": world.owner.pk})
    assert world.project.members.get(user=world.stranger).role == Role.READ_ONLY


@pytest.mark.parametrize("name", ["used", "expired", "made up"])
def test_what_does_not_work_any_more_says_what_to_do(name: str, world: World) -> None:
    link = link_for(world, age=LIFETIME if name == "expired" else None)
    if name == "used":
        assert client_of(world.stranger).post(link).status_code == 302
    link = "/invitations/made-up/" if name == "made up" else link
    for method in (Client().get, Client().post):
        response = method(link)
        assert response.status_code == 410
        assert "ask who invited you for a new one" in response.content.decode()
    assert not User.objects.filter(email=NEW).exists()


def test_a_closed_server_makes_no_account(world: World, settings: Settings) -> None:
    settings.SIGN_UP = "closed"
    link = link_for(world)
    assert "closed to new ones" in Client().get(link).content.decode()
    assert Client().post(link).status_code == 403
    assert not User.objects.filter(email=NEW).exists()


def test_by_invitation_only_is_no_hindrance(world: World, settings: Settings) -> None:
    settings.SIGN_UP = "invitation"
    assert Client().post(link_for(world)).status_code == 302


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["new", "signed in"])
def test_of_two_clicks_at_the_same_time_one_joins(kind: str, world: World) -> None:
    link = link_for(world)
    users = {
        "new": (None, None),
        "signed in": (world.stranger, User.objects.create_user("b@c.org")),
    }
    clients, statuses = [client_of(user) for user in users[kind]], list[int]()

    def click(client: Client) -> None:
        statuses.append(client.post(link).status_code)
        connection.close()

    threads = [threading.Thread(target=click, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) in ([302, 410], [302, 403])  # 403: by then the address has an account
    assert Member.objects.filter(project=world.project).count() == 5
    assert not Invitation.objects.exists()
