"""The whole way from silence to the other end's server; only the network's other end is ours."""

import time
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from app.accounts.models import Project
from app.alerts.models import Notification
from app.alerts.notifier import Notifier
from app.checks.models import Check
from tests.app.alerts.sinks import HttpSink
from tests.app.alerts.stepping import said, settle, until
from tests.app.alerts.world import (
    ago,
    make_check,
    make_flip,
    make_position,
    make_up,
    make_webhook,
    poison,
)

pytestmark = pytest.mark.django_db


def test_a_silent_check_reaches_the_webhook_with_its_true_time(
    notifier: Notifier, sink: HttpSink
) -> None:
    down_at = ago(seconds=90).replace(microsecond=0)
    channel = make_webhook(make_up(down_at, name="nightly"), sink.url)
    settle(notifier)
    assert said(sink) == [f"nightly is down since {down_at.isoformat()}"]
    row = Notification.objects.get()
    assert (row.state, row.attempts, row.error, row.leased_until) == ("sent", 1, "", None)
    assert row.sent_at is not None
    channel.refresh_from_db()
    assert channel.last_sent_at == row.sent_at
    settle(notifier)
    assert len(sink.seen) == 1


def test_down_and_up_while_the_notifier_was_stopped_arrive_in_order_with_their_times(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_check(status="up", name="nightly")
    make_webhook(check, sink.url)
    down, up = ago(hours=3).replace(microsecond=0), ago(hours=2).replace(microsecond=0)
    make_flip(check, up, "up")
    make_flip(check, down, "down")
    settle(notifier)
    assert said(sink) == [
        f"nightly is down since {down.isoformat()}",
        f"nightly is up since {up.isoformat()}",
    ]


def test_a_check_that_cannot_be_judged_does_not_stop_the_alerts_of_others(
    notifier: Notifier, sink: HttpSink
) -> None:
    sick, well = make_up(ago(seconds=9), name="sick"), make_up(ago(seconds=5), name="well")
    make_webhook(sick, sink.url)
    make_webhook(well, sink.url)
    poison(sick)
    settle(notifier)
    assert [body.split()[0] for body in said(sink)] == ["well"]


def test_a_lagging_receiver_holds_the_alert_until_it_has_caught_up(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_up(ago(seconds=2))
    make_webhook(check, sink.url)
    position = make_position(ago(seconds=4))
    settle(notifier)
    check.refresh_from_db()
    assert (check.status, sink.seen) == ("up", [])
    position.applied_before = ago(seconds=1)
    position.save()
    settle(notifier)
    check.refresh_from_db()
    assert check.status == "down"
    assert len(sink.seen) == 1


def test_a_ping_that_was_on_its_way_saves_the_check(notifier: Notifier, sink: HttpSink) -> None:
    check = make_up(ago(seconds=2))
    make_webhook(check, sink.url)
    position = make_position(ago(seconds=4))
    settle(notifier)
    Check.objects.filter(pk=check.pk).update(down_at=timezone.now() + timedelta(minutes=2))
    position.applied_before = timezone.now()
    position.save()
    settle(notifier)
    check.refresh_from_db()
    assert (check.status, check.wake_at, sink.seen) == ("up", check.down_at, [])


def test_a_silent_receiver_holds_the_alert_for_its_time_and_no_longer(
    sink: HttpSink, settings: Settings
) -> None:
    settings.SILENT_RECEIVER_SECONDS = 1
    notifier = Notifier("here", workers=4)
    make_webhook(make_up(ago(seconds=2)), sink.url)
    make_position(ago(seconds=4))
    began = time.monotonic()
    until(notifier, lambda: bool(sink.seen))
    assert 1.0 <= time.monotonic() - began < 2.5
    settle(notifier)


def test_a_retired_receiver_holds_nothing(notifier: Notifier, sink: HttpSink) -> None:
    make_webhook(make_up(ago(seconds=2)), sink.url)
    make_position(ago(seconds=4), is_retired=True)
    make_position(None, slot=1)
    settle(notifier)
    assert len(sink.seen) == 1


def test_two_notifiers_share_the_work_and_double_nothing(sink: HttpSink) -> None:
    project = Project.objects.create(name="Things")
    for place in range(12):
        make_webhook(make_up(ago(seconds=5), project), f"{sink.url}/{place}")
    one, two = Notifier("one", workers=4), Notifier("two", workers=4)
    give_up_at = time.monotonic() + 20
    while Notification.objects.filter(state="sent").count() < 12:
        assert time.monotonic() < give_up_at
        for notifier in (one, two):
            notifier.turn()
            notifier.wait(0.01)
    assert Counter(sink.paths()) == {f"/{place}": 1 for place in range(12)}
