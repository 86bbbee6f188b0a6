"""The list of checks."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.accounts.founding import found
from app.checks.models import Check
from app.pings.models import Position
from tests.app.pages.busy import make_busy, make_up, names, page_of, said
from tests.app.pages.world import World, client_of

HTMX = {"HX-Request": "true"}


@pytest.fixture
def busy(world: World) -> World:
    return make_busy(world)


def test_trouble_comes_first_and_then_the_name_decides(owner: Client, busy: World) -> None:
    found = ["overdue", "z-down", "z-late", "a-up", "b-up", "nightly dump", "a-paused"]
    assert names(page_of(owner, busy)) == found


def test_the_counts_say_how_it_stands(owner: Client, busy: World) -> None:
    page = page_of(owner, busy)
    assert "7 checks 2 down 1 late 2 up 1 new 1 paused" in said(page)
    assert "<title>2 down · Checks" in page
    assert "web/mark-down.svg" in page


def test_nothing_down_has_a_quiet_title_and_mark(owner: Client, world: World) -> None:
    page = page_of(owner, world)
    assert "<title>Checks ·" in page
    assert 'id="icon" href="/static/web/mark.svg"' in page


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


@pytest.mark.parametrize("query", ["", "?q=check&tag=prod&state=up&page=2"])
@pytest.mark.parametrize("count", [5, 500])
def test_the_number_of_queries_does_not_grow(
    count: int,
    query: str,
    owner: Client,
    world: World,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    now = timezone.now()
    due = {"last_ping_at": now, "due_at": now + timedelta(hours=1), "tags": "prod"}
    Check.objects.bulk_create(
        Check(project=world.project, name=f"check-{number}", status="up", **due)
        for number in range(count)
    )
    with django_assert_num_queries(7):  # session, user, memberships, receivers, seen, all, rows
        assert f"{count + 1} checks" in page_of(owner, world, query)


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
    assert "Watch your first job" in page
    assert "curl -fsS -m 10 --retry 5 -o /dev/null http://localhost:8000/ping/" in page
    assert 'type="search"' not in page


def test_the_only_check_is_waited_for_by_those_who_may_ping_it(world: World) -> None:
    world.check.delete()
    Check.objects.create(project=world.project, name="fresh")
    assert "_first_ping" in templates(client_of(world.owner), world)
    assert "_first_ping" not in templates(client_of(world.reader), world)
    make_up(world, "second")
    assert "_first_ping" not in templates(client_of(world.owner), world)


def test_a_check_that_was_resumed_has_had_its_first_ping(owner: Client, world: World) -> None:
    world.check.refresh_from_db()
    assert (world.check.status, world.check.n_pings) == ("new", 1)
    assert "_first_ping" not in templates(owner, world)


def templates(client: Client, world: World) -> str:
    response = client.get(reverse("checks", args=[world.project.code]))
    return " ".join(str(template.name) for template in response.templates)


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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=down", ["overdue", "z-down"]),
        ("?state=late&state=paused", ["z-late", "a-paused"]),
        ("?q=UP", ["a-up", "b-up"]),
        ("?q=up&state=down", []),
        ("?q=nightly-d", ["nightly dump"]),
        ("?state=banana&page=zebra&sort=x", None),
        ("?q=%00&tag=%00", []),
        ("?tag=%27%20OR%201=1--", []),
    ],
)
def test_the_address_filters(
    query: str, found: list[str] | None, owner: Client, busy: World
) -> None:
    page = page_of(owner, busy, query)
    assert names(page) == (names(page_of(owner, busy)) if found is None else found)
    assert "7 checks" in page


def test_tags_are_counted_and_narrow_the_list(owner: Client, world: World) -> None:
    make_up(world, "one", tags="prod db")
    make_up(world, "two", tags="prod")
    make_up(world, "three", tags="production")
    page = page_of(owner, world)
    assert "db 1 prod 2 production 1" in said(page)
    assert names(page_of(owner, world, "?tag=prod")) == ["one", "two"]
    page = page_of(owner, world, "?tag=prod&tag=db")
    assert names(page) == ["one"]
    assert '<input type="hidden" form="filter" name="tag" value="db">' in page
    assert re.search(r'href="[^"]+/checks/\?tag=prod"[^>]*aria-current="true">db', page)


def test_a_filter_that_hides_all_says_so_and_leads_back(owner: Client, busy: World) -> None:
    words = said(page_of(owner, busy, "?q=zebra&tag=prod&state=up"))
    assert "No check matches “zebra”, tag prod, up" in words
    assert "7 checks are hidden by the filter. Show all checks" in words
    assert "2 match down. Clear" in said(page_of(owner, busy, "?state=down"))


def test_what_is_searched_for_is_text_and_not_markup(owner: Client, busy: World) -> None:
    page = page_of(owner, busy, "?q=%22%3E%3Cimg+src=x%3E&tag=%3Cb%3E")
    assert "<img" not in page
    assert "<b>" not in page


def test_pages_have_100_rows(owner: Client, world: World) -> None:
    Check.objects.bulk_create(
        Check(project=world.project, name=f"check-{number:03}") for number in range(249)
    )
    page = page_of(owner, world)
    assert len(names(page)) == 100
    assert "1-100 of 250Next" in said(page)
    page = page_of(owner, world, "?page=2&state=new")
    assert "101-200 of 250PreviousNext" in said(page)
    assert "?state=new&amp;page=3" in page
    for last in ("?page=3", "?page=99"):
        page = page_of(owner, world, last)
        assert names(page)[-1] == "nightly dump"
        assert "201-250 of 250Previous" in said(page)


def test_a_part_is_only_the_list(owner: Client, busy: World) -> None:
    url = reverse("checks", args=[busy.project.code])
    part = owner.get(f"{url}?state=down", headers=HTMX).content.decode()
    assert part.startswith("<title>2 down · Checks")
    assert "<html" not in part
    assert 'hx-swap-oob="true"' in part
    assert names(part) == ["overdue", "z-down"]
    assert 'hx-swap-oob="true"' not in page_of(owner, busy)


@pytest.mark.parametrize("who", ["stranger", None])
def test_a_part_is_nobody_elses(who: str | None, world: World) -> None:
    client = client_of(world.stranger if who else None)
    response = client.get(reverse("checks", args=[world.project.code]), headers=HTMX)
    if who:
        assert response.status_code == 404
    else:
        assert (response.status_code, response["HX-Refresh"]) == (204, "true")
    assert b"nightly dump" not in response.content


def test_pausing_comes_back_to_the_same_list(owner: Client, world: World) -> None:
    check = make_up(world, "dump")
    page = page_of(owner, world, "?q=dump&state=up&state=paused")
    here = re.search(r'name="next" value="([^"]+)"', page)
    assert here
    goal = here[1].replace("&amp;", "&")
    assert f'formaction="/checks/{check.code}/pause/"' in page
    response = owner.post(f"/checks/{check.code}/pause/", {"next": goal})
    assert response["Location"] == goal
    page = owner.get(goal).content.decode()
    assert f'formaction="/checks/{check.code}/resume/"' in page
    owner.post(f"/checks/{check.code}/resume/", {"next": goal})
    check.refresh_from_db()
    assert check.status == "new"


def test_who_may_only_look_gets_no_buttons(world: World) -> None:
    page = page_of(client_of(world.reader), world)
    assert "nightly dump" in page
    for verb in ("data-copy", "formaction", "Add a check"):
        assert verb not in page
