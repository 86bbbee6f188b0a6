"""One check: facts, log, bodies, and the verbs of one click."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.alerts.models import Notification
from app.checks.models import Check, Flip, Tombstone
from app.pages.check_details import fingerprint
from tests.app.pages.world import NOW, World, client_of, make_ping


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
    page = page_of(owner, world.check)
    assert "<var>&lt;ping-key&gt;</var>/nightly-dump</code>" in page
    assert reverse("project", args=[world.project.code]) in page
    Check.objects.update(slug="")
    assert "ping-key" not in page_of(owner, world.check)


def test_two_checks_of_one_slug_are_pointed_out(owner: Client, world: World) -> None:
    assert "has the slug" not in page_of(owner, world.check)
    twin = Check.objects.create(project=world.project, name="<twin>", slug="nightly-dump")
    page = page_of(owner, world.check)
    assert f'<a href="{reverse("check", args=[twin.code])}">&lt;twin&gt;</a>' in page


def test_the_log_shows_what_came(owner: Client, world: World) -> None:
    make_ping(
        world.check, 2, action="fail", exit_status=3, method="POST", user_agent="<b>agent</b>"
    )
    make_ping(world.check, 3, action="ign", scheme="email", method="")
    page = page_of(owner, world.check)
    places = [page.index(f"Ping </span>{n}</a>") for n in (3, 2, 1)]
    assert places == sorted(places)
    assert "exit 3" in page
    assert "&lt;b&gt;agent" in page
    assert "ignored" in page
    assert "3 of 3 pings kept." in page
    for n in (1, 2, 3):
        assert f'"{reverse("ping", args=[world.check.code, n])}"' in page
    assert reverse("ping", args=[world.check.code, 1]) + "#body" in page
    assert reverse("ping", args=[world.check.code, 2]) + "#body" not in page


def test_the_log_is_paged_by_key(owner: Client, world: World) -> None:
    for n in range(2, 121):
        make_ping(world.check, n)
    first = page_of(owner, world.check)
    assert first.count('<td class="n">') == 50
    assert "?before=71#log" in first
    second = page_of(owner, world.check, "?before=71")
    assert "Ping </span>70</a>" in second
    assert "?before=21#log" in second
    last = page_of(owner, world.check, "?before=21")
    assert last.count('<td class="n">') == 20
    assert "Older pings" not in last


def test_links_to_older_pings_keep_filter_and_zone(owner: Client, world: World) -> None:
    for n in range(2, 61):
        make_ping(world.check, n, action="fail")
    page = page_of(owner, world.check, "?said=fail&from=2026-11-01&body=0&zone=Asia/Tokyo")
    assert "?before=11&amp;said=fail&amp;from=2026-11-01&amp;zone=Asia%2FTokyo#log" in page
    assert '<input type="hidden" name="from" value="2026-11-01">' in page
    older = page_of(owner, world.check, "?before=11&said=fail&zone=Asia/Tokyo")
    assert older.count('<td class="n">') == 9
    assert "?said=fail&amp;zone=Asia%2FTokyo#log" in older


def test_a_filter_that_nothing_matches_says_so(owner: Client, world: World) -> None:
    page = page_of(owner, world.check, "?said=start&from=1999-01-01&to=1999-01-02")
    assert "No ping that is kept matches the filter." in page
    assert "1 of 1 pings kept. Only those that match the filter are shown." in page


def test_pruned_pings_are_counted_as_gone(owner: Client, world: World) -> None:
    make_ping(world.check, 1234)
    world.check.pings.filter(n=1).delete()
    assert "1 of 1,234 pings kept, from number 1,234 on." in page_of(owner, world.check)


def test_runs_have_durations_in_the_log_and_a_drawing(owner: Client, world: World) -> None:
    assert "Last runs" not in page_of(owner, world.check)
    make_ping(world.check, 2, action="start", received_at=NOW)
    make_ping(world.check, 3, action="success", received_at=NOW + timedelta(seconds=95))
    page = page_of(owner, world.check)
    assert '<td class="cell-took">1 min 35 s</td>' in page
    assert "How long the last 1 run took" in page


def test_every_time_follows_the_zone(owner: Client, world: World) -> None:
    make_ping(world.check, 2, received_at=NOW)
    Check.objects.update(status="up", due_at=NOW, down_at=NOW + timedelta(days=9000))
    Flip.objects.create(check_ref=world.check, at=NOW, old_status="new", new_status="up")
    page = page_of(owner, world.check, "?zone=Asia/Tokyo")
    assert page.count("2026-11-21 23:00:00") == 2
    assert "2026-11-21 14:00:00</time>" not in page
    assert "UTC</time>" not in page
    assert "JST</time>" in page
    assert "Received, Asia/Tokyo" in page


@pytest.mark.parametrize(
    "query",
    [
        *(f"?before={before}" for before in ("", "x", "-1", "²", "9" * 30, "1")),
        "?zone=../../etc/passwd",
        "?zone=%00&said=%00&from=%00&to=%FF",
        "?said=" + "&said=".join("abc" * 50),
        "?from=0001-01-01&to=9999-12-31&zone=Pacific/Kiritimati",
        "?floor=9999&seen=<script>alert(2)</script>",
    ],
)
def test_whatever_is_asked_for_is_a_page(query: str, owner: Client, world: World) -> None:
    page = page_of(owner, world.check, query)
    assert "<h1>nightly dump</h1>" in page
    assert "<script>alert" not in page


def test_nothing_of_a_check_is_taken_for_html(owner: Client, world: World) -> None:
    evil = "<img src=x onerror=alert(1)>"
    Check.objects.update(name=evil, desc=evil, tags=evil, schedule=evil)
    make_ping(world.check, 2, user_agent=evil, method="<img", remote_addr="<img")
    page = page_of(owner, world.check)
    assert "<img" not in page
    assert page.count("&lt;img src=x") > 5


def test_a_page_that_saw_it_is_told_nothing(owner: Client, world: World) -> None:
    path, htmx = reverse("check", args=[world.check.code]), {"HX-Request": "true"}
    poll = html.unescape(re.findall(r'hx-get="([^"]+seen=[^"]+)"', page_of(owner, world.check))[0])
    assert poll.startswith(path)

    def asked() -> int:
        return owner.get(poll, headers=htmx).status_code

    # The minute may end between the two; then there is news once.
    assert 204 in (asked(), asked())
    make_ping(world.check, 2)
    answer = owner.get(poll, headers=htmx)
    assert answer.status_code == 200
    assert "Ping </span>2</a>" in answer.content.decode()
    assert owner.get(poll).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"status": "down"},
        {"n_pings": 9},
        {"name": "other"},
        {"down_at": NOW - timedelta(days=1)},
        {"last_start_at": NOW},
    ],
)
def test_whatever_a_page_shows_of_a_check_changes_its_fingerprint(
    change: dict[str, object], world: World
) -> None:
    before = fingerprint(world.check, NOW, "UTC")
    assert fingerprint(world.check, NOW, "UTC") == before
    assert fingerprint(world.check, NOW, "Asia/Tokyo") != before
    assert fingerprint(world.check, NOW + timedelta(minutes=1), "UTC") != before
    for name, value in change.items():
        setattr(world.check, name, value)
    assert fingerprint(world.check, NOW, "UTC") != before


def test_a_page_that_missed_too_much_is_loaded_again(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pages.log_rows.MOST_LIVE", 3)
    for n in range(2, 9):
        make_ping(world.check, n)
    path = reverse("check", args=[world.check.code]) + "?floor=2&seen=x"
    answer = owner.get(path, headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert owner.get(path).status_code == 200


@pytest.mark.parametrize("count", [5, 45])
def test_the_number_of_queries_does_not_grow(
    count: int, owner: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    for n in range(2, count):
        make_ping(world.check, n, action="start" if n % 2 else "success")
        Flip.objects.create(check_ref=world.check, at=now, old_status="up", new_status=f"s{n}")
        Check.objects.create(project=world.project, slug="nightly-dump")
    # session, user, check, memberships; log, its runs, how much is kept; channels,
    # last runs, notifications, flips of three months, last flips; who has the same slug
    with django_assert_num_queries(13):
        page_of(owner, world.check)


def test_a_read_only_member_sees_all_and_has_no_buttons(world: World) -> None:
    page = page_of(client_of(world.reader), world.check)
    assert "Ping </span>1</a>" in page
    for verb in ("Pause", "Delete", "Edit"):
        assert f">{verb}<" not in page


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


def test_pause_and_resume(owner: Client, world: World) -> None:
    owner.post(reverse("check_pause", args=[world.check.code]))
    world.check.refresh_from_db()
    assert world.check.status == "paused"
    assert "Resume" in page_of(owner, world.check)
    owner.post(reverse("check_resume", args=[world.check.code]))
    world.check.refresh_from_db()
    assert world.check.status == "new"


def test_a_button_keeps_the_zone(owner: Client, world: World) -> None:
    page = page_of(owner, world.check, "?zone=Asia/Tokyo")
    here = f"{reverse('check', args=[world.check.code])}?zone=Asia%2FTokyo"
    assert f'<input type="hidden" name="next" value="{here}">' in page
    response = owner.post(reverse("check_pause", args=[world.check.code]), {"next": here})
    assert response["Location"] == here


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
