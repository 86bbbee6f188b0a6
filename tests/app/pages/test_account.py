"""One's own account, and the sign-in that its weighty pages ask for."""

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.accounts.founding import found
from app.accounts.models import MailedLink, Member, Role, User
from app.accounts.sign_in import make_link
from app.pages.session import BEGAN_AT, RECENT
from tests.app.pages.mailbox import arrived, link_in
from tests.app.pages.world import PASSWORD, World, client_of

WEIGHTY = ("/account/password/", "/account/email/", "/account/close/")


def test_the_page_shows_ones_projects_with_the_role(world: World) -> None:
    Member.objects.create(project=found(world.stranger, "Lab"), user=world.owner, role=Role.MEMBER)
    page = client_of(world.owner).get("/account/").content.decode()
    assert "Production" in page
    assert "Lab" in page
    assert f"/projects/{world.project.code}/leave/" not in page  # an owner cannot leave
    assert page.count("/leave/") == 1


@pytest.mark.parametrize("count", [1, 6])
def test_the_number_of_queries_does_not_grow(
    count: int, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        found(world.stranger, f"project {number}")
    client = client_of(world.stranger)
    with django_assert_num_queries(3):
        client.get("/account/")


def test_pages_show_times_of_the_chosen_zone(world: World, owner: Client) -> None:
    assert owner.post("/account/", {"tz": "Europe/Kiev"}).status_code == 302
    assert User.objects.get(pk=world.owner.pk).tz == "Europe/Kyiv"
    assert "EE" in owner.get("/account/").content.decode()  # EET, or EEST


def test_a_zone_that_there_is_not_is_refused(world: World, owner: Client) -> None:
    response = owner.post("/account/", {"tz": "Europe/Atlantis"})
    assert response.status_code == 422
    assert "There is no time zone" in response.content.decode()
    assert User.objects.get(pk=world.owner.pk).tz == "UTC"


@pytest.mark.parametrize("path", WEIGHTY)
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_signed_in_long_ago_confirms_it_first(path: str, method: str, world: World) -> None:
    client = client_of(world.reader, RECENT + timedelta(seconds=5))
    form = {"email": world.reader.email, "password": "another battery", "again": "another battery"}
    response = getattr(client, method)(path, form)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={path}")
    assert User.objects.get(pk=world.reader.pk).check_password(PASSWORD)
    page = client.get(response["Location"]).content.decode()
    assert "Confirm that it is you" in page
    assert 'value="reader@example.org"' in page
    assert "E-mail me a sign-in link" in page


@pytest.mark.parametrize("path", WEIGHTY)
def test_who_signed_in_lately_is_not_asked_again(path: str, world: World) -> None:
    assert client_of(world.reader, RECENT - timedelta(seconds=30)).get(path).status_code == 200


def test_a_session_of_before_is_asked_too(world: World) -> None:
    client = Client()
    client.force_login(world.reader)
    assert client.get("/account/password/").status_code == 302


def test_a_password_confirms_and_leads_back(world: World) -> None:
    client = client_of(world.reader, timedelta(days=2))
    form = {"email": "reader@example.org", "password": PASSWORD, "next": "/account/password/"}
    assert client.post("/sign-in/", form)["Location"] == "/account/password/"
    assert client.get("/account/password/").status_code == 200


def test_a_mailed_link_confirms_and_leads_back(world: World) -> None:
    client = client_of(world.reader, timedelta(days=2))
    client.post("/sign-in/mail/", {"email": world.reader.email, "next": "/account/close/"})
    assert client.get(link_in(arrived()[0]))["Location"] == "/account/close/"
    assert client.get("/account/close/").status_code == 200


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example/", "/\\evil", "evil"])
def test_confirming_leads_to_our_own_paths_only(goal: str, world: World) -> None:
    client = client_of(world.reader, timedelta(days=2))
    form = {"email": "reader@example.org", "password": PASSWORD, "next": goal}
    assert client.post("/sign-in/", form)["Location"] == "/"
    assert goal not in client.get("/sign-in/", {"next": goal}).content.decode()


def test_who_has_no_password_is_asked_for_none(world: World) -> None:
    world.reader.set_unusable_password()
    world.reader.save()
    page = client_of(world.reader, timedelta(days=2)).get("/sign-in/").content.decode()
    assert "Your account has no password." in page
    assert 'name="password"' not in page
    assert "E-mail me a sign-in link" in page


def test_a_wrong_password_confirms_nothing(world: World) -> None:
    client = client_of(world.reader, timedelta(days=2))
    response = client.post("/sign-in/", {"email": "reader@example.org", "password": "wrong"})
    assert response.status_code == 422
    assert client.session[BEGAN_AT] < (timezone.now() - RECENT).timestamp()
    assert client.get("/account/password/").status_code == 302


def test_signing_out_everywhere_ends_every_session_and_every_link(world: World) -> None:
    here, there, other = (client_of(user) for user in (world.owner, world.owner, world.reader))
    make_link(world.owner, timezone.now())
    assert here.post("/account/sign-out/").status_code == 302
    for client in (here, there):
        assert client.get("/account/").status_code == 302
    assert other.get("/account/").status_code == 200
    assert not MailedLink.objects.filter(user=world.owner).exists()
    assert SESSION_KEY in client_of(User.objects.get(pk=world.owner.pk)).session
