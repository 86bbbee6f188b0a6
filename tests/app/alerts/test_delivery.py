"""What is sent when, how often, and what it holds up."""

import logging
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from app.accounts.models import Project
from app.alerts import outbox
from app.alerts.delivery import LEASE
from app.alerts.models import Notification
from app.alerts.notifier import Notifier
from app.alerts.transports import TRANSPORTS
from tests.app.alerts.sinks import Answer, HttpSink, SmtpSink
from tests.app.alerts.stepping import make_due, said, settle, until
from tests.app.alerts.world import (
    ago,
    make_check,
    make_email,
    make_flip,
    make_waiting,
    make_webhook,
    poison,
)

pytestmark = pytest.mark.django_db


def test_up_does_not_overtake_a_down_that_fails(notifier: Notifier, sink: HttpSink) -> None:
    check = make_check()
    make_webhook(check, sink.url)
    make_flip(check, ago(seconds=20), "down")
    make_flip(check, ago(seconds=10), "up")
    sink.answers["/"] = Answer(500)
    settle(notifier)
    settle(notifier)
    assert [body.split(" since")[0] for body in said(sink)] == ["backup is down"]
    sink.answers["/"] = Answer(200)
    make_due()
    settle(notifier)
    assert [body.split(" since")[0] for body in said(sink)] == [
        "backup is down",
        "backup is down",
        "backup is up",
    ]


def test_up_goes_when_its_down_is_given_up(notifier: Notifier, sink: HttpSink) -> None:
    check = make_check()
    channel = make_webhook(check, sink.url)
    tried = len(outbox.RETRY_AFTER_SECONDS)
    make_waiting(channel, check, ago(seconds=20), attempts=tried)
    make_waiting(channel, check, ago(seconds=10), new_status="up")
    sink.answers["/"] = Answer(500)
    until(notifier, lambda: len(sink.seen) == 2)
    states = Notification.objects.order_by("flip_at").values_list("state", flat=True)
    settle(notifier)
    assert list(states) == ["failed", "waiting"]
    assert "is up" in said(sink)[1]


def test_another_check_of_the_channel_does_not_wait(notifier: Notifier, sink: HttpSink) -> None:
    first = make_check(name="first")
    channel = make_webhook(first, sink.url)
    second = make_check(first.project, name="second")
    channel.checks.add(second)
    later = timezone.now() + timedelta(hours=1)
    make_waiting(channel, first, ago(seconds=60), next_attempt_at=later)
    make_waiting(channel, second, ago(seconds=10))
    settle(notifier)
    assert [body.split()[0] for body in said(sink)] == ["second"]


def test_a_webhook_that_hangs_holds_up_neither_mail_nor_other_webhooks(
    notifier: Notifier, sink: HttpSink, smtp: SmtpSink
) -> None:
    release = threading.Event()
    sink.answers["/dead"] = Answer(after=release)
    project = Project.objects.create(name="Things")
    dead = make_webhook(make_check(project), f"{sink.url}/dead")
    for place in range(10):
        check = make_check(project, name=f"job {place}")
        make_waiting(dead, check, ago(seconds=50))
    well = make_check(project, name="well")
    make_waiting(make_email(well), well, ago(seconds=20))
    make_waiting(make_webhook(well, f"{sink.url}/well"), well, ago(seconds=10))
    until(notifier, lambda: bool(smtp.mails) and "/well" in sink.paths())
    assert sink.paths().count("/dead") == 2
    release.set()
    until(notifier, lambda: not Notification.objects.filter(state="waiting").exists())
    assert Counter(sink.paths()) == {"/dead": 10, "/well": 1}


def test_channels_that_fail_never_take_all_workers(notifier: Notifier, sink: HttpSink) -> None:
    release = threading.Event()
    project = Project.objects.create(name="Things")
    for place in range(4):
        sink.answers[f"/dead{place}"] = Answer(after=release)
        check = make_check(project)
        dead = make_webhook(check, f"{sink.url}/dead{place}", last_error="timed out")
        for _ in range(2):
            make_waiting(dead, make_check(project), ago(seconds=60))
    well = make_check(project)
    make_waiting(make_webhook(well, f"{sink.url}/well"), well, ago(seconds=1))
    until(notifier, lambda: "/well" in sink.paths())
    assert len(sink.paths()) == 3
    release.set()
    until(notifier, lambda: not Notification.objects.filter(state="waiting").exists())


class Exploding:
    """A transport with a bug."""

    def wants(self, _config: object, _status: str) -> bool:
        return True

    def send(self, _message: object) -> object:
        raise ZeroDivisionError("a bug")


def test_a_transport_that_raises_is_put_aside_and_the_rest_goes_on(
    notifier: Notifier,
    smtp: SmtpSink,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(TRANSPORTS, "webhook", Exploding())
    check = make_check()
    sick = make_waiting(make_webhook(check, "http://x/"), check, ago(seconds=5))
    make_waiting(make_email(check), check, ago(seconds=1))
    with caplog.at_level(logging.ERROR):
        settle(notifier)
    assert len(smtp.mails) == 1
    sick.refresh_from_db()
    assert (sick.state, sick.error) == ("waiting", "our own fault: ZeroDivisionError")
    assert sick.next_attempt_at > timezone.now()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.exc_info is not None for record in errors] == [True]


def test_a_check_that_cannot_be_read_holds_up_only_itself(
    notifier: Notifier, sink: HttpSink
) -> None:
    sick, well = make_check(name="sick"), make_check(name="well")
    waiting = make_waiting(make_webhook(sick, sink.url), sick, ago(seconds=5))
    make_waiting(make_webhook(well, sink.url), well, ago(seconds=1))
    poison(sick)
    settle(notifier)
    assert [body.split()[0] for body in said(sink)] == ["well"]
    row = Notification.objects.only("state", "error").get(pk=waiting.pk)
    assert row.state == "waiting"
    assert row.error.startswith("our own fault")


def test_a_test_is_sent_once_also_to_a_disabled_channel_and_disables_none(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_check()
    channel = make_webhook(check, sink.url)
    sink.answers["/"] = Answer(410)
    first = outbox.send_test(channel, timezone.now())
    settle(notifier)
    first.refresh_from_db()
    channel.refresh_from_db()
    assert (first.state, first.error) == ("failed", "the webhook answered 410 Gone")
    assert channel.disabled_at is None
    outbox.disable(channel, "unsubscribed", timezone.now())
    sink.answers["/"] = Answer(200)
    second = outbox.send_test(channel, timezone.now())
    settle(notifier)
    second.refresh_from_db()
    assert second.state == "sent"
    assert len(sink.seen) == 2


def test_what_a_dead_process_of_this_server_had_claimed_is_sent_at_once(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_check()
    lease = {"leased_until": timezone.now() + LEASE, "attempts": 1}
    make_waiting(make_webhook(check, f"{sink.url}/ours"), check, ago(), **lease, leased_by="here")
    make_waiting(make_webhook(check, f"{sink.url}/else"), check, ago(), **lease, leased_by="there")
    settle(notifier)
    assert sink.paths() == []
    assert notifier.delivery.free_own_leases() == 1
    settle(notifier)
    assert sink.paths() == ["/ours"]


def test_a_lease_that_ran_out_is_anybodys(notifier: Notifier, sink: HttpSink) -> None:
    check = make_check()
    lease = {"leased_until": ago(seconds=1), "leased_by": "there", "attempts": 1}
    row = make_waiting(make_webhook(check, sink.url), check, ago(seconds=70), **lease)
    settle(notifier)
    row.refresh_from_db()
    assert (row.state, row.attempts, len(sink.seen)) == ("sent", 2, 1)


def test_what_killed_the_process_every_time_is_given_up_in_the_end(
    notifier: Notifier, sink: HttpSink
) -> None:
    check = make_check()
    tried = len(outbox.RETRY_AFTER_SECONDS) + 1
    row = make_waiting(make_webhook(check, sink.url), check, ago(seconds=9), attempts=tried)
    settle(notifier)
    row.refresh_from_db()
    assert (row.state, len(sink.seen)) == ("failed", 0)


def test_a_notification_whose_channel_is_deleted_meanwhile_is_forgotten(
    notifier: Notifier, sink: HttpSink
) -> None:
    release = threading.Event()
    sink.answers["/"] = Answer(after=release)
    check = make_check()
    channel = make_webhook(check, sink.url)
    make_waiting(channel, check, ago(seconds=1))
    until(notifier, lambda: len(sink.seen) == 1)
    channel.delete()
    release.set()
    settle(notifier)
    assert Notification.objects.count() == 0


def test_a_channel_gets_two_at_a_time_at_most(notifier: Notifier, sink: HttpSink) -> None:
    project = Project.objects.create(name="Things")
    channel = make_webhook(make_check(project), sink.url)
    for _ in range(9):
        make_waiting(channel, make_check(project), ago(seconds=5))
    until(notifier, lambda: not Notification.objects.filter(state="waiting").exists())
    assert len(sink.seen) == 9
    assert sink.most_under_way <= 2
