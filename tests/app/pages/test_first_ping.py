"""The panel that waits for the first ping."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from app.checks.models import Check
from tests.app.pages.world import World, make_ping

HTMX = {"HX-Request": "true"}


@pytest.fixture
def fresh(world: World) -> Check:
    check = Check.objects.create(project=world.project, name="fresh")
    world.channel.checks.add(check)
    return check


def ask(client: Client, check: Check) -> tuple[int, str]:
    answer = client.get(reverse("first_ping", args=[check.code]), headers=HTMX)
    return answer.status_code, answer.content.decode()


def test_it_says_nothing_until_the_ping_is_there(owner: Client, fresh: Check) -> None:
    assert ask(owner, fresh) == (204, "")


def test_a_pause_is_no_ping(owner: Client, fresh: Check) -> None:
    fresh.pause(timezone.now())
    assert ask(owner, fresh) == (204, "")


def test_it_says_what_came_and_what_happens_next(owner: Client, fresh: Check) -> None:
    now = timezone.now()
    make_ping(fresh, 1, received_at=now)
    due = now + timedelta(days=1)
    Check.objects.filter(pk=fresh.pk).update(
        status="up", last_ping_at=now, due_at=due, down_at=due + timedelta(hours=1)
    )
    status, panel = ask(owner, fresh)
    assert status == 200
    for words in ("The first ping is here", "203.0.113.17", "every day", "owner@example.org"):
        assert words in panel
    assert "hx-get" not in panel
    assert "<html" not in panel


@pytest.mark.parametrize(
    ("action", "state", "said"),
    [
        ("fail", {"status": "down"}, "It reported a failure."),
        ("start", {"last_start_at": timezone.now()}, "The job has to end within 1 h"),
        ("log", {}, "It changed nothing"),
    ],
)
def test_a_first_ping_of_another_kind_is_no_success(
    action: str, state: dict[str, object], said: str, owner: Client, fresh: Check
) -> None:
    make_ping(fresh, 1, action=action)
    Check.objects.filter(pk=fresh.pk).update(**state)
    status, panel = ask(owner, fresh)
    assert status == 200
    assert said in panel
    assert ("note success" in panel) == (action != "fail")


def test_nobody_to_be_told_is_said(owner: Client, world: World, fresh: Check) -> None:
    world.channel.checks.clear()
    make_ping(fresh, 1)
    assert "<strong>nobody</strong> will be told" in ask(owner, fresh)[1]


def test_whoever_follows_the_address_while_it_waits_sees_the_check(
    owner: Client, fresh: Check
) -> None:
    response = owner.get(reverse("first_ping", args=[fresh.code]))
    assert response.status_code == 302
    assert response["Location"] == reverse("check", args=[fresh.code])


def test_the_page_waits_only_while_nothing_came(owner: Client, fresh: Check) -> None:
    path = reverse("check", args=[fresh.code])
    assert reverse("first_ping", args=[fresh.code]) in owner.get(path).content.decode()
    make_ping(fresh, 1)
    assert reverse("first_ping", args=[fresh.code]) not in owner.get(path).content.decode()
