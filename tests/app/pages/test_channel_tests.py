"""A test of a channel, and how the list says what became of it."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from app.alerts import outbox
from app.alerts.models import Notification
from tests.app.pages.world import Answer, World, client_of


@pytest.fixture(autouse=True)
def mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMAIL_HOST", "mail.example.org")


def row(client: Client, world: World) -> Answer:
    return client.get(reverse("channel_row", args=[world.channel.code]))


def test_the_list_looks_for_the_result_while_a_test_is_on_its_way(
    owner: Client, world: World
) -> None:
    response = owner.post(reverse("channel_test", args=[world.channel.code]), follow=True)
    page = response.content.decode()
    assert "A test is on its way." in page
    assert f'hx-get="{reverse("channel_row", args=[world.channel.code])}"' in page
    assert row(owner, world).status_code == 204


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"state": "sent"}, "The test was delivered."),
        ({"state": "failed", "error": "<i>no route</i>"}, "The test failed: &lt;i&gt;no route"),
    ],
)
def test_the_line_says_what_became_of_it_and_looks_no_more(
    result: dict[str, str], said: str, owner: Client, world: World
) -> None:
    outbox.send_test(world.channel, timezone.now())
    Notification.objects.update(**result)
    text = row(owner, world).content.decode()
    assert said in text
    assert "hx-trigger" not in text
    assert 'hx-swap-oob="innerHTML"' in text


def test_after_a_minute_nobody_looks_any_more(owner: Client, world: World) -> None:
    outbox.send_test(world.channel, timezone.now())
    Notification.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    text = row(owner, world).content.decode()
    assert "The test still waits. Is the notifier running?" in text
    assert "hx-trigger" not in text


def test_an_old_test_is_not_spoken_of(owner: Client, world: World) -> None:
    outbox.send_test(world.channel, timezone.now())
    Notification.objects.update(created_at=timezone.now() - timedelta(minutes=11), state="sent")
    assert "The test" not in row(owner, world).content.decode()


def test_only_the_last_test_counts(owner: Client, world: World) -> None:
    outbox.send_test(world.channel, timezone.now())
    Notification.objects.update(state="failed", error="no route")
    outbox.send_test(world.channel, timezone.now())
    assert row(owner, world).status_code == 204


def test_a_mail_that_is_only_kept_is_not_called_delivered(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EMAIL_HOST", "")
    outbox.send_test(world.channel, timezone.now())
    Notification.objects.update(state="sent")
    assert "kept on this server, and reached nobody" in row(owner, world).content.decode()


def test_the_twenty_first_test_of_an_hour_has_to_wait(owner: Client, world: World) -> None:
    """Who owns the address was never asked."""
    for _ in range(21):
        response = owner.post(reverse("channel_test", args=[world.channel.code]), follow=True)
    assert Notification.objects.count() == 20
    assert "Nothing was sent. Too many tries." in response.content.decode()


def test_a_reader_sees_the_line_without_buttons(world: World) -> None:
    text = row(client_of(world.reader), world).content.decode()
    assert "owner@example.org" in text
    assert "<button" not in text
