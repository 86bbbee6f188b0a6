"""What is written down of an attempt, and when there is another."""

import logging

import pytest
from django.utils import timezone

from app.alerts.models import Channel, Notification
from app.alerts.notifier import Notifier
from tests.app.alerts.sinks import Answer, HttpSink
from tests.app.alerts.stepping import make_due, settle
from tests.app.alerts.world import (
    SECOND,
    ago,
    make_check,
    make_flip,
    make_waiting,
    make_webhook,
)

pytestmark = pytest.mark.django_db


def test_a_failed_attempt_is_repeated_later_and_says_why(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_check()
    channel = make_webhook(check, sink.url)
    make_waiting(channel, check, ago(seconds=1))
    sink.answers["/"] = Answer(503)
    began = timezone.now()
    settle(notifier)
    row = Notification.objects.get()
    assert (row.state, row.attempts, row.leased_until) == ("waiting", 1, None)
    assert row.error == "the webhook answered with status 503"
    assert 4 * SECOND <= row.next_attempt_at - began < 9 * SECOND
    channel.refresh_from_db()
    assert channel.last_error == row.error
    settle(notifier)
    assert len(sink.seen) == 1
    sink.answers["/"] = Answer(204)
    make_due()
    settle(notifier)
    row.refresh_from_db()
    channel.refresh_from_db()
    assert (row.state, row.attempts, row.error, channel.last_error) == ("sent", 2, "", "")


def test_gone_disables_the_channel_and_what_waits_for_it_is_given_up(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_check()
    channel = make_webhook(check, sink.url)
    sink.answers["/"] = Answer(410)
    make_flip(check, ago(seconds=20), "down")
    make_flip(check, ago(seconds=10), "up")
    settle(notifier)
    settle(notifier)
    assert len(sink.seen) == 1
    channel.refresh_from_db()
    assert channel.disabled_at is not None
    assert channel.disabled_reason == "the webhook answered 410 Gone"
    rows = Notification.objects.order_by("flip_at").values_list("state", "error")
    assert list(rows) == [
        ("failed", "the webhook answered 410 Gone"),
        ("failed", "the channel is disabled"),
    ]


def test_the_log_tells_what_was_sent_and_never_an_address(
    notifier: Notifier, sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    check = make_check()
    channel = make_webhook(check, sink.url, last_error="x" * 200)
    make_waiting(channel, check, ago(seconds=1))
    with caplog.at_level(logging.INFO):
        settle(notifier)
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("notification sent notification_id=") for line in lines)
    assert not any(sink.url in line for line in lines)
    assert Channel.objects.get().last_error == ""
