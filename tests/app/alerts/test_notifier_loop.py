"""The notifier's loop as it runs: in a thread here, as a process below."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection, connections, transaction
from django.utils import timezone

from app import wakeups
from app.alerts import outbox
from app.alerts.management.commands.notifier import _lock
from app.alerts.models import Notification
from app.alerts.notifier import Notifier
from app.checks.models import Check
from tests.app.alerts.sinks import Answer, HttpSink
from tests.app.alerts.world import (
    ago,
    make_check,
    make_flip,
    make_position,
    make_up,
    make_waiting,
    make_webhook,
)

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def running(workers: int = 4) -> Iterator[Notifier]:
    """Run a notifier in a thread of its own, with connections of its own."""
    notifier = Notifier("here", workers)

    def work() -> None:
        try:
            notifier.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield notifier
    finally:
        notifier.stop()
        thread.join(10)
        assert not thread.is_alive()


def wait_for(is_so: Callable[[], bool], seconds: float = 10) -> float:
    """Wait until it is so; return how long that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.005)
    return time.monotonic() - began


def wait_for_requests(sink: HttpSink, count: int) -> float:
    return wait_for(lambda: len(sink.seen) == count)


def test_an_alert_is_there_within_a_second_of_its_deadline(sink: HttpSink) -> None:
    down_at = timezone.now() + timedelta(seconds=1)
    make_webhook(make_up(down_at), sink.url)
    with running():
        wait_for(lambda: bool(sink.seen))
    assert down_at <= timezone.now() < down_at + timedelta(seconds=1)


def test_a_wake_up_is_acted_upon_at_once(sink: HttpSink) -> None:
    check = make_check()
    channel = make_webhook(check, sink.url)
    latencies = []
    with running():
        for place in range(1, 6):
            time.sleep(0.15)  # it has found nothing more to do, and sleeps
            make_flip(check, ago(), "down" if place % 2 else "up")
            wakeups.wake(wakeups.NOTIFIER)
            latencies.append(wait_for_requests(sink, place))
        time.sleep(0.15)
        outbox.send_test(channel, timezone.now())
        latencies.append(wait_for_requests(sink, 6))
    # Without wake-ups it looks once a second: half a second on average.
    assert sorted(latencies)[3] < 0.25, latencies


def test_held_alerts_ask_the_drains_and_go_on_when_told(sink: HttpSink) -> None:
    make_webhook(make_up(ago(seconds=1)), sink.url)
    position = make_position(ago(seconds=2))

    def drain() -> None:
        ear = wakeups.sleeper(wakeups.DRAIN)
        ready.set()
        ear.sleep(9)
        position.applied_before = timezone.now()
        position.save()
        wakeups.wake(wakeups.NOTIFIER)
        ear.close()
        connections.close_all()

    ready = threading.Event()
    thread = threading.Thread(target=drain)
    thread.start()
    ready.wait(5)
    with running():
        assert wait_for(lambda: bool(sink.seen)) < 3
    thread.join()


def test_stopping_waits_a_moment_for_what_is_under_way(sink: HttpSink) -> None:
    release = threading.Event()
    sink.answers["/"] = Answer(after=release)
    check = make_check()
    row = make_waiting(make_webhook(check, sink.url), check, ago(seconds=1))
    with running() as notifier:
        wait_for(lambda: bool(sink.seen))
        notifier.stop()
        release.set()
    row.refresh_from_db()
    assert row.state == "sent"


def test_what_takes_longer_is_left_to_its_lease(sink: HttpSink) -> None:
    release = threading.Event()
    sink.answers["/"] = Answer(after=release)
    check = make_check()
    row = make_waiting(make_webhook(check, sink.url), check, ago(seconds=1))
    with running() as notifier:
        wait_for(lambda: bool(sink.seen))
        began = time.monotonic()
        notifier.stop()
    took = time.monotonic() - began
    row.refresh_from_db()
    assert (row.state, row.leased_by) == ("waiting", "here")
    assert took < 2.5
    release.set()
    with running():  # the next process of this server frees the lease
        wait_for(lambda: Notification.objects.get().state == "sent")
    assert len(sink.seen) == 2


def test_a_database_that_restarts_does_not_end_the_notifier(sink: HttpSink) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could restart")
    check = make_check()
    make_webhook(check, sink.url)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with running():
        for place in range(1, 4):
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}"  # noqa: S608
                )
            make_flip(check, ago(), "down" if place % 2 else "up")
            wakeups.wake(wakeups.NOTIFIER)
            wait_for_requests(sink, place)


def test_notifiers_on_several_servers_double_nothing(sink: HttpSink) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is one machine, which has one notifier")
    for place in range(30):
        make_webhook(make_up(ago(seconds=5)), f"{sink.url}/{place}")
    with running(), running(), running():
        wait_for(lambda: Notification.objects.filter(state="sent").count() == 30, 30)
    assert sorted(sink.paths()) == sorted(f"/{place}" for place in range(30))


def test_a_check_that_the_drain_holds_is_judged_once_it_lets_go(sink: HttpSink) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no row locks")
    held, free = make_up(ago(seconds=5), name="held"), make_up(ago(seconds=5), name="free")
    make_webhook(held, f"{sink.url}/held")
    make_webhook(free, f"{sink.url}/free")
    with running():
        with transaction.atomic():
            Check.objects.select_for_update().get(pk=held.pk)
            wait_for(lambda: sink.paths() == ["/free"])
            # Its ping is in this very transaction.
            later = timezone.now() + timedelta(minutes=2)
            Check.objects.filter(pk=held.pk).update(down_at=later)
        wait_for(lambda: Check.objects.get(pk=held.pk).wake_at == later)
    assert sink.paths() == ["/free"]


def test_a_second_notifier_with_the_same_directory_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.alerts.management.commands.notifier.WAIT_FOR_LOCK_SECONDS", 0.2)
    first = _lock(tmp_path / "run" / "notifier.lock")
    with pytest.raises(CommandError, match="Another notifier runs"):
        _lock(tmp_path / "run" / "notifier.lock")
    first.close()
    _lock(tmp_path / "run" / "notifier.lock").close()


@pytest.mark.processes
def test_the_process_sends_and_ends_cleanly_while_a_webhook_hangs(sink: HttpSink) -> None:
    release = threading.Event()
    sink.answers["/hangs"] = Answer(after=release)
    check = make_check()
    make_waiting(make_webhook(check, sink.url), check, ago(seconds=1))
    make_waiting(make_webhook(check, f"{sink.url}/hangs"), check, ago(seconds=1))
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.app.alerts.process_settings",
        "TEST_DATABASE": str(settings.DATABASES["default"]["NAME"]),
        "TEST_DATA_DIR": str(settings.DATA_DIR),
        "ALLOW_PRIVATE_ADDRESSES": "1",
    }
    command = [sys.executable, "manage.py", "notifier"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: sorted(sink.paths()) == ["/", "/hangs"], 20)
        wait_for(lambda: Notification.objects.filter(state="sent").count() == 1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
        release.set()
    assert process.returncode == 0, errors.decode()
    assert time.monotonic() - began < 2.5
    assert b"Traceback" not in errors
    assert b"notifier stopped unfinished=1" in errors
