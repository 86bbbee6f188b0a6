"""The first page, and the overview of projects."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.accounts.founding import found
from app.accounts.models import Member, Role, User
from app.alerts.models import Channel
from app.checks.models import Check
from tests.app.pages.busy import said
from tests.app.pages.world import World, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer() -> Client:
    return client_of(User.objects.create_user("new@example.org"))


def test_who_has_no_project_is_asked_for_its_name(newcomer: Client) -> None:
    page = newcomer.get("/").content.decode()
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


def test_home_leads_to_the_only_project(owner: Client, world: World) -> None:
    assert owner.get("/")["Location"] == f"/projects/{world.project.code}/checks/"


def test_home_leads_who_has_more_to_all_of_them(owner: Client, world: World) -> None:
    found(world.owner, "Second")
    assert owner.get("/")["Location"] == "/projects/"
    assert (
        'href="/projects/"' in owner.get(f"/projects/{world.project.code}/checks/").content.decode()
    )


def test_the_overview_leads_who_has_no_project_to_the_first_page(newcomer: Client) -> None:
    assert newcomer.get("/projects/")["Location"] == "/"


def test_the_project_in_the_worst_state_comes_first(
    owner: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    states: dict[str, list[dict[str, Any]]] = {
        "A quiet one": [{"status": "up"}],
        "B late": [{"status": "up", "due_at": now}, {"status": "up"}],
        "C down": [{"status": "down"}, {"status": "paused"}],
        "D overdue": [{"status": "up", "down_at": now - timedelta(hours=1)}] * 2,
        "E empty": [],
    }
    for name, checks in states.items():
        project = found(world.owner, name)
        Check.objects.bulk_create(Check(project=project, **check) for check in checks)
    with django_assert_num_queries(4):  # session, user, memberships, counts
        page = owner.get("/projects/").content.decode()
    states_in_order = ("D overdue", "C down", "B late", "A quiet one", "Production", "E empty")
    places = [page.index(f">{name}</a>") for name in states_in_order]
    assert places == sorted(places)
    words = said(page)
    for told in ("1 down, 1 paused", "1 late, 1 up", "Nothing is watched here yet"):
        assert told in words
    assert "<title>2 in trouble · Projects" in page
    assert "Elsewhere" not in page  # the stranger's
