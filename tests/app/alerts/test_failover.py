"""After a failover of the database alerts wait for the journals, and say what may be a repeat."""

import pytest
from django.utils import timezone

from app.alerts import failover
from app.alerts.models import Notification
from app.alerts.notifier import Notifier
from app.pings import timelines
from app.pings.models import Position, Timeline
from app.postgresql.servers import Server
from tests.app.alerts.sinks import HttpSink
from tests.app.alerts.stepping import said, settle
from tests.app.alerts.world import (
    SECOND,
    ago,
    make_check,
    make_flip,
    make_position,
    make_up,
    make_waiting,
    make_webhook,
)

pytestmark = pytest.mark.django_db


def connect_to(monkeypatch: pytest.MonkeyPatch, timeline: int) -> None:
    """Let everybody be connected to that timeline."""
    here = Server("db", 7_000, timeline, is_writable=True)
    for module in (failover, timelines):
        monkeypatch.setattr(module, "server", lambda: here)


def meet(position: Position, seconds: int) -> None:
    """Let the receiver's drain say T on the newest timeline, so long after now."""
    position.timeline = Timeline.objects.order_by("-pk").first()
    position.applied_before = timezone.now() + seconds * SECOND
    position.save()


@pytest.fixture
def failed_over(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> Position:
    """Let a standby take over, with a position from five seconds before."""
    connect_to(monkeypatch, 1)
    position = make_position(None)
    meet(position, -5)
    settle(notifier)
    connect_to(monkeypatch, 2)
    return position


def test_nothing_is_told_until_what_was_taken_before_the_failover_is_applied(
    notifier: Notifier, sink: HttpSink, failed_over: Position
) -> None:
    check = make_check(name="nightly")
    channel = make_webhook(check, sink.url)
    make_waiting(channel, check, ago(hours=1), new_status="up", old_status="down", reason="")
    make_flip(check, ago(minutes=1), reason="fail")
    for _ in range(3):
        settle(notifier)
    assert said(sink) == []
    assert Notification.objects.count() == 1
    meet(failed_over, 1)
    settle(notifier)
    assert [text.split()[2] for text in said(sink)] == ["up", "down"]


def test_what_may_have_been_told_before_the_failover_says_so(
    notifier: Notifier, sink: HttpSink, failed_over: Position
) -> None:
    check = make_check(name="nightly")
    make_webhook(check, sink.url)
    make_flip(check, ago(seconds=4), reason="fail")
    settle(notifier)
    meet(failed_over, 1)
    settle(notifier)
    make_flip(check, timezone.now(), "up")
    settle(notifier)
    repeats = ["stillhere-may-be-repeated" in seen.headers for seen in sink.seen]
    assert repeats == [True, False]


def test_a_silent_check_goes_down_after_a_failover_as_ever(
    notifier: Notifier, sink: HttpSink, failed_over: Position
) -> None:
    make_webhook(make_up(ago(seconds=60)), sink.url)
    settle(notifier)
    assert said(sink) == []
    meet(failed_over, 1)
    settle(notifier)
    assert len(said(sink)) == 1


def test_without_a_failover_nothing_waits(
    notifier: Notifier, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to(monkeypatch, 4)  # the first one that we see: who knows since when
    make_position(ago(seconds=20))
    check = make_check(name="nightly")
    make_webhook(check, sink.url)
    make_flip(check, ago(seconds=10), reason="fail")
    settle(notifier)
    assert ["stillhere-may-be-repeated" in seen.headers for seen in sink.seen] == [False]
