"""Set or change one's password."""

import pytest
from django.contrib.auth import authenticate
from django.test import Client
from django.utils import timezone

from app.accounts.models import MailedLink, User
from app.accounts.sign_in import make_link
from tests.app.pages.world import PASSWORD, World, client_of

PATH = "/account/password/"
NEW = "quite another battery"


def test_other_sessions_end_and_ones_own_stays(world: World) -> None:
    here, there = client_of(world.owner), client_of(world.owner)
    make_link(world.owner, timezone.now())
    assert here.post(PATH, {"password": NEW, "again": NEW})["Location"] == "/account/"
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302
    assert authenticate(username="owner@example.org", password=NEW) == world.owner
    assert not MailedLink.objects.filter(user=world.owner).exists()


@pytest.mark.django_db
def test_who_never_had_one_sets_one() -> None:
    user = User.objects.create_user("new@example.org")
    client = client_of(user)
    assert b"Set your password" in client.get(PATH).content
    assert client.post(PATH, {"password": NEW, "again": NEW}).status_code == 302
    assert User.objects.get(pk=user.pk).check_password(NEW)


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short", "short", "too short"),
        ("password123", "password123", "too common"),
        (NEW, "something else", "The two are not the same."),
        ("", "", "This field is required."),
    ],
)
def test_a_bad_one_is_refused(
    password: str, again: str, says: str, owner: Client, world: World
) -> None:
    response = owner.post(PATH, {"password": password, "again": again})
    assert response.status_code == 422
    assert says in response.content.decode()
    assert User.objects.get(pk=world.owner.pk).check_password(PASSWORD)


def test_no_page_gives_a_password_back(owner: Client) -> None:
    response = owner.post(PATH, {"password": NEW, "again": "something else"})
    assert NEW not in response.content.decode()
