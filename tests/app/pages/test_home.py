"""The first page of somebody without a project."""

import pytest
from django.test import Client

from app.accounts.models import Member, Role, User
from app.alerts.models import Channel
from tests.app.pages.world import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer() -> Client:
    return client_of(User.objects.create_user("new@example.org"))


def test_who_has_no_project_is_asked_for_its_name(newcomer: Client) -> None:
    page = newcomer.get("/", follow=True).content.decode()
    assert "Make your first project" in page
    assert 'name="name"' in page


def test_a_new_project_tells_its_owner_by_mail(newcomer: Client) -> None:
    response = newcomer.post("/projects/add/", {"name": "Home lab"})
    member = Member.objects.get()
    assert (member.user.email, member.role) == ("new@example.org", Role.OWNER)
    assert response["Location"] == f"/projects/{member.project.code}/checks/"
    assert Channel.objects.get().target == "new@example.org"


def test_a_project_needs_a_name(newcomer: Client) -> None:
    response = newcomer.post("/projects/add/", {"name": " "})
    assert response.status_code == 422
    assert b'id="id_name_error">This field is required.' in response.content
