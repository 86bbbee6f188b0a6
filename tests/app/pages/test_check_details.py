"""One check: facts, log, bodies, and the verbs of one click."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.alerts.models import Notification
from app.checks.models import Check, Flip, Tombstone
from tests.app.pages.world import World, make_ping


def page_of(client: Client, check: Check, query: str = "") -> str:
    return client.get(reverse("check", args=[check.code]) + query).content.decode()


def test_a_new_check_waits_for_its_first_ping_and_says_how(owner: Client, world: World) -> None:
    check = Check.objects.create(project=world.project, name="fresh", slug="fresh")
    page = page_of(owner, check)
    assert "waiting for the first ping" in page
    assert f"curl -fsS -m 10 --retry 5 -o /dev/null http://localhost:8000/ping/{check.code}" in page
    assert "/fresh</code>" in page
    assert "nobody" in page


def test_a_readable_address_says_where_its_key_comes_from(owner: Client, world: World) -> None:
    assert "manage.py bootstrap --email" in page_of(owner, world.check)
    Check.objects.update(slug="")
    assert "manage.py bootstrap" not in page_of(owner, world.check)


def test_the_log_shows_what_came(owner: Client, world: World) -> None:
    make_ping(
        world.check, 2, action="fail", exit_status=3, method="POST", user_agent="<b>agent</b>"
    )
    make_ping(world.check, 3, action="ign", scheme="email", method="")
    page = page_of(owner, world.check)
    assert (
        page.index('<td class="n">3')
        < page.index('<td class="n">2')
        < page.index('<td class="n">1')
    )
    assert "exit 3" in page
    assert "&lt;b&gt;agent" in page
    assert "ignored" in page
    assert reverse("ping_body", args=[world.check.code, 1]) in page
    assert reverse("ping_body", args=[world.check.code, 2]) not in page


def test_the_log_is_paged_by_key(owner: Client, world: World) -> None:
    for n in range(2, 121):
        make_ping(world.check, n)
    first = page_of(owner, world.check)
    assert first.count('<td class="n">') == 50
    assert "?before=71#log" in first
    second = page_of(owner, world.check, "?before=71")
    assert '<td class="n">70</td>' in second
    assert "?before=21#log" in second
    last = page_of(owner, world.check, "?before=21")
    assert last.count('<td class="n">') == 20
    assert "Older pings" not in last


@pytest.mark.parametrize("before", ["", "x", "-1", "²", "9" * 30, "1"])
def test_any_page_of_the_log_can_be_asked_for(before: str, owner: Client, world: World) -> None:
    assert "<h1>nightly dump</h1>" in page_of(owner, world.check, f"?before={before}")


@pytest.mark.parametrize("count", [5, 45])
def test_the_number_of_queries_does_not_grow(
    count: int, owner: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    for n in range(2, count):
        make_ping(world.check, n)
        Flip.objects.create(check_ref=world.check, at=now, old_status="up", new_status=f"s{n}")
    # session, user, check, memberships, channels, notifications, log, flips
    with django_assert_num_queries(8):
        page_of(owner, world.check)


def test_what_was_told_is_shown_with_its_error(owner: Client, world: World) -> None:
    now = timezone.now()
    Flip.objects.create(
        check_ref=world.check, at=now, old_status="up", new_status="down", reason="timeout"
    )
    Notification.objects.create(
        channel=world.channel,
        check_ref=world.check,
        flip_at=now,
        new_status="down",
        next_attempt_at=now,
        state="failed",
        error="mailbox <full>",
    )
    page = page_of(owner, world.check)
    assert "no ping in time" in page
    assert "given up" in page
    assert "mailbox &lt;full&gt;" in page


def test_a_body_is_text_whatever_it_claims_to_be(owner: Client, world: World) -> None:
    response = owner.get(reverse("ping_body", args=[world.check.code, 1]))
    assert response.content == b"<script>alert(1)</script> \xff"
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_ping_without_a_body_has_no_page_of_it(owner: Client, world: World) -> None:
    make_ping(world.check, 2)
    for n in (2, 99):
        assert owner.get(reverse("ping_body", args=[world.check.code, n])).status_code == 404


def test_pause_and_resume(owner: Client, world: World) -> None:
    owner.post(reverse("check_pause", args=[world.check.code]))
    world.check.refresh_from_db()
    assert world.check.status == "paused"
    assert "Resume" in page_of(owner, world.check)
    owner.post(reverse("check_resume", args=[world.check.code]))
    world.check.refresh_from_db()
    assert world.check.status == "new"


def test_resuming_what_is_not_paused_says_so(owner: Client, world: World) -> None:
    response = owner.post(reverse("check_resume", args=[world.check.code]), follow=True)
    assert b"The check was not paused." in response.content


def test_deleting_asks_first(owner: Client, world: World) -> None:
    path = reverse("check_delete", args=[world.check.code])
    assert b"Delete nightly dump?" in owner.get(path).content
    assert Check.objects.count() == 1
    response = owner.post(path, follow=True)
    assert b"nightly dump is deleted." in response.content
    assert not Check.objects.exists()
    assert Tombstone.objects.get().code == world.check.code
