from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from playwright.sync_api import Browser
from pytest_django import DjangoAssertNumQueries

from app.alerts import unsubscribe
from app.alerts.models import Channel
from app.pages import unsubscribe as pages
from tests.app.alerts.world import make_check, make_email

pytestmark = pytest.mark.django_db
SCRIPT = b"unsubscribe.js"


@pytest.fixture
def channel() -> Channel:
    return make_email(make_check(), to="ann@example.org")


@pytest.fixture
def stranger() -> Client:
    """Return a client as mail programs are: no cookie, no CSRF token."""
    return Client(enforce_csrf_checks=True)


def link(channel: Channel, **age: float) -> str:
    sent_at = datetime.now(UTC) - timedelta(**age)
    return f"/unsubscribe/{unsubscribe.token(channel.code, sent_at)}/"


def is_disabled(channel: Channel) -> bool:
    channel.refresh_from_db()
    return channel.disabled_at is not None


def test_looking_at_the_link_changes_nothing(stranger: Client, channel: Channel) -> None:
    for answer in (stranger.get(link(channel, hours=1)), stranger.head(link(channel, hours=1))):
        assert answer.status_code == 200
    assert not is_disabled(channel)


def test_a_young_link_asks_for_a_click_so_that_scanners_stop_nothing(
    stranger: Client, channel: Channel
) -> None:
    answer = stranger.get(link(channel, minutes=4, seconds=55))
    assert b"ann@example.org" in answer.content
    assert SCRIPT not in answer.content


def test_an_older_link_submits_itself(stranger: Client, channel: Channel) -> None:
    assert SCRIPT in stranger.get(link(channel, minutes=5, seconds=1)).content


def test_the_page_is_not_kept_by_caches(stranger: Client, channel: Channel) -> None:
    assert "no-store" in stranger.get(link(channel))["Cache-Control"]


def test_the_button_unsubscribes(stranger: Client, channel: Channel) -> None:
    answer = stranger.post(link(channel))
    assert answer.status_code == 200
    assert b"Unsubscribed" in answer.content
    assert is_disabled(channel)
    assert channel.disabled_reason == "unsubscribed"


def test_one_click_of_a_mail_program_unsubscribes_without_cookie_or_token(
    stranger: Client, channel: Channel
) -> None:
    answer = stranger.post(
        link(channel),
        "List-Unsubscribe=One-Click",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 200
    assert not answer.cookies
    assert is_disabled(channel)


def test_a_second_click_changes_nothing(stranger: Client, channel: Channel) -> None:
    stranger.post(link(channel))
    channel.refresh_from_db()
    before = channel.disabled_at
    assert stranger.post(link(channel)).status_code == 200
    channel.refresh_from_db()
    assert channel.disabled_at == before


def test_another_channel_goes_on(stranger: Client, channel: Channel) -> None:
    other = make_email(make_check())
    stranger.post(link(channel))
    assert not is_disabled(other)


@pytest.mark.parametrize("token", ["x", "a-b.c", "é", "0" * 500])
def test_a_false_link_says_so(stranger: Client, channel: Channel, token: str) -> None:
    for answer in (stranger.get(f"/unsubscribe/{token}/"), stranger.post(f"/unsubscribe/{token}/")):
        assert answer.status_code == 404
        assert b"This link does not work" in answer.content
    assert not is_disabled(channel)


def test_a_link_of_a_channel_that_was_deleted_says_so(stranger: Client, channel: Channel) -> None:
    path = link(channel)
    channel.delete()
    assert stranger.get(path).status_code == 404
    unknown = unsubscribe.token(uuid4(), datetime.now(UTC))
    assert stranger.post(f"/unsubscribe/{unknown}/").status_code == 404


def test_a_channel_that_is_deleted_in_this_moment_is_not_found(
    stranger: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = pages._channel

    def find_then_delete(token: str) -> tuple[Channel, datetime] | None:
        found = find(token)
        Channel.objects.all().delete()
        return found

    monkeypatch.setattr(pages, "_channel", find_then_delete)
    assert stranger.post(link(channel)).status_code == 404


def test_the_page_costs_one_query(
    stranger: Client, channel: Channel, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = link(channel)
    with django_assert_num_queries(1):
        stranger.get(path)


def test_the_code_in_a_token_cannot_be_exchanged(stranger: Client, channel: Channel) -> None:
    other = make_email(make_check())
    path = link(other).replace(other.code.hex, channel.code.hex)
    assert stranger.post(path).status_code == 404
    assert not is_disabled(channel)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_an_older_link_unsubscribes_and_a_young_one_waits(
    chromium: Browser, live_server: object
) -> None:
    old, young = make_email(make_check()), make_email(make_check())
    page = chromium.new_page()
    page.goto(f"{live_server}{link(young)}")
    page.wait_for_timeout(300)
    assert not is_disabled(young)
    page.get_by_role("button", name="Stop alerts").click()
    page.get_by_role("heading", name="Unsubscribed").wait_for()
    page.goto(f"{live_server}{link(old, minutes=6)}")
    page.get_by_role("heading", name="Unsubscribed").wait_for()
    assert is_disabled(old)
    assert is_disabled(young)
