"""The list of checks."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.accounts.founding import found
from app.checks.models import Check
from app.pings.models import Position
from tests.app.pages.world import World


def page_of(client: Client, world: World) -> str:
    return client.get(reverse("checks", args=[world.project.code])).content.decode()


def make_up(world: World, name: str, **fields: object) -> Check:
    """Make a check whose last ping was an hour ago."""
    now = timezone.now()
    state = {
        "status": "up",
        "last_ping_at": now - timedelta(hours=1),
        "status_since": now - timedelta(days=1),
        "due_at": now + timedelta(hours=23),
        "down_at": now + timedelta(hours=24),
    }
    return Check.objects.create(project=world.project, name=name, **(state | fields))


@pytest.fixture
def busy(world: World) -> World:
    now = timezone.now()
    make_up(world, "b-up")
    make_up(world, "a-up")
    make_up(world, "z-late", due_at=now - timedelta(minutes=5), down_at=now + timedelta(minutes=55))
    make_up(
        world,
        "z-down",
        status="down",
        status_since=now - timedelta(hours=13),
        due_at=None,
        down_at=None,
    )
    make_up(
        world,
        "overdue",
        last_ping_at=now - timedelta(hours=26),
        due_at=now - timedelta(hours=2),
        down_at=now - timedelta(hours=1),
    )
    make_up(world, "a-paused", status="paused", due_at=None, down_at=None)
    return world


def test_trouble_comes_first_and_then_the_name_decides(owner: Client, busy: World) -> None:
    page = page_of(owner, busy)
    names = ["overdue", "z-down", "z-late", "a-up", "b-up", "nightly dump", "a-paused"]
    places = [page.index(f">{name}</a>") for name in names]
    assert places == sorted(places)


def test_the_counts_say_how_it_stands(owner: Client, busy: World) -> None:
    page = page_of(owner, busy)
    assert "7 checks: 2 down, 1 late, 2 up, 1 new, 1 paused" in page
    assert "<title>2 down · Checks" in page


def test_each_state_has_a_word_and_a_shape(owner: Client, busy: World) -> None:
    page = page_of(owner, busy)
    for state in ("down", "late", "up", "new", "paused"):
        shape = f'<use href="#icon-{state}"/></svg>{state.title()}</span>'
        assert shape in page
        assert f'<symbol id="icon-{state}"' in page


def test_a_line_says_what_to_know(owner: Client, busy: World) -> None:
    page = page_of(owner, busy)
    for words in (
        "reported a failure 1 h ago",
        "missed by 2 h",
        "in grace until",
        "resumes on ping",
    ):
        assert words in page
    assert "every day" in page
    assert "1 h ago</time>" in page


@pytest.mark.parametrize("count", [5, 50])
def test_the_number_of_queries_does_not_grow(
    count: int, owner: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        make_up(world, f"check-{number}")
    with django_assert_num_queries(5):  # session, user, memberships, checks, receivers
        assert f"{count + 1} checks" in page_of(owner, world)


def test_names_are_text_and_not_markup(owner: Client, world: World) -> None:
    make_up(world, "<img src=x onerror=alert(1)>")
    page = page_of(owner, world)
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_check_of_another_project_is_not_listed(owner: Client, world: World) -> None:
    other = found(world.owner, "Second")
    Check.objects.create(project=other, name="not here")
    page = page_of(owner, world)
    assert "not here" not in page
    assert reverse("checks", args=[other.code]) in page  # the project switcher


def test_an_empty_list_teaches(owner: Client, world: World) -> None:
    Check.objects.all().delete()
    page = page_of(owner, world)
    assert "No checks yet" in page
    assert "curl -fsS -m 10 --retry 5 -o /dev/null http://localhost:8000/ping/" in page


def test_a_receiver_that_says_nothing_is_shown_as_long_as_it_holds_alerts(
    owner: Client, world: World
) -> None:
    now = timezone.now()
    position = Position.objects.create(slot=0, server="a", applied_before=now)
    assert "A receiver of pings has not reported" not in page_of(owner, world)
    for silent_seconds, is_shown in ((30, True), (130, False)):
        position.applied_before = now - timedelta(seconds=silent_seconds)
        position.save()
        assert ("A receiver of pings has not reported" in page_of(owner, world)) is is_shown


def test_home_leads_to_the_first_project(owner: Client, world: World) -> None:
    found(world.owner, "Second")
    assert owner.get("/")["Location"] == reverse("checks", args=[world.project.code])
