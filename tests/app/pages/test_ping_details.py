"""The page of one ping, and its body."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.app.pages.world import NOW, World, make_ping

RID = UUID(int=7)


def page_of(client: Client, world: World, n: int, query: str = "") -> str:
    answer = client.get(reverse("ping", args=[world.check.code, n]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_ping_shows_all_that_is_known_of_it(owner: Client, world: World) -> None:
    make_ping(world.check, 2, action="start", rid=RID, received_at=NOW)
    ended = NOW + timedelta(seconds=75)
    make_ping(world.check, 3, action="fail", exit_status=9, rid=RID, received_at=ended)
    page = page_of(owner, world, 3)
    for fact in ("fail", "exit 9", "203.0.113.17", "curl/7.88.1", "2026-11-21 14:01:15", str(RID)):
        assert fact in page
    assert "took 1 min 15 s" in page
    assert "started by ping 2" in page
    assert "ended by ping 3" in page_of(owner, world, 2)
    assert "It carried none." in page


def test_neighbours_are_links_that_keep_the_zone(owner: Client, world: World) -> None:
    make_ping(world.check, 2)
    make_ping(world.check, 3)
    page = page_of(owner, world, 2, "?zone=Asia/Tokyo")
    for n in (1, 3):
        assert f'{reverse("ping", args=[world.check.code, n])}?zone=Asia%2FTokyo"' in page
    assert "?before=3&amp;zone=Asia%2FTokyo#log" in page
    assert 'rel="prev"' not in page_of(owner, world, 1)
    assert 'rel="next"' not in page_of(owner, world, 3)


def test_times_follow_the_zone(owner: Client, world: World) -> None:
    make_ping(world.check, 2, received_at=NOW)
    assert "2026-11-21 23:00:00" in page_of(owner, world, 2, "?zone=Asia/Tokyo")
    assert "There is no time zone &#x27;Mars&#x27;" in page_of(owner, world, 2, "?zone=Mars")


def test_nothing_of_a_ping_is_taken_for_html(owner: Client, world: World) -> None:
    evil = "<img src=x onerror=alert(1)>"
    make_ping(world.check, 2, user_agent=evil, method="<b>", body=evil.encode())
    world.check.name = evil
    world.check.save(update_fields=["name"])
    page = page_of(owner, world, 2)
    assert "<img" not in page
    assert "<b>" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


def test_a_body_is_shown_with_what_was_done_to_it(owner: Client, world: World) -> None:
    page = page_of(owner, world, 1)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \ufffd" in page
    assert "not UTF-8" in page
    make_ping(world.check, 2, body=b'{"rows":12,"ok":true}')
    assert "{\n  &quot;rows&quot;: 12,\n" in page_of(owner, world, 2)
    make_ping(world.check, 3, body=b"x" * 50_000)
    long = page_of(owner, world, 3)
    assert "All of it, as it came" in long
    assert len(long) < 40_000


@pytest.mark.parametrize("n", [0, 99, 10**30])
def test_a_ping_that_is_not_kept_is_not_found(n: int, owner: Client, world: World) -> None:
    assert owner.get(reverse("ping", args=[world.check.code, n])).status_code == 404
    assert owner.get(reverse("ping_body", args=[world.check.code, n])).status_code == 404


def test_the_number_of_queries_does_not_grow(
    owner: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(2, 60):
        make_ping(world.check, n, action="start" if n % 2 else "success")
    # session, user, check, memberships, ping, runs, newer, older
    with django_assert_num_queries(8):
        page_of(owner, world, 30)


def test_a_body_is_text_whatever_it_claims_to_be(owner: Client, world: World) -> None:
    response = owner.get(reverse("ping_body", args=[world.check.code, 1]))
    assert response.content == b"<script>alert(1)</script> \xff"
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Content-Disposition" not in response


def test_a_body_can_be_downloaded(owner: Client, world: World) -> None:
    response = owner.get(reverse("ping_body", args=[world.check.code, 1]) + "?download")
    assert response["Content-Disposition"] == 'attachment; filename="nightly-dump-1.txt"'
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_ping_without_a_body_has_no_page_of_it(owner: Client, world: World) -> None:
    make_ping(world.check, 2)
    assert owner.get(reverse("ping_body", args=[world.check.code, 2])).status_code == 404
