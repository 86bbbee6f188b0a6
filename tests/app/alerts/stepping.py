"""Driving a notifier by hand in tests: turn by turn, in the test's own thread."""

import time
from collections.abc import Callable

from app.alerts.models import Notification
from app.alerts.notifier import Notifier
from tests.app.alerts.sinks import HttpSink
from tests.app.alerts.world import ago


def settle(notifier: Notifier) -> None:
    """Take turns until nothing is under way and nothing is due."""
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at:
        notifier.turn()
        if not notifier.delivery.jobs:
            return
        if not notifier.delivery.results:
            notifier.wait(1)
    raise AssertionError(f"still under way: {notifier.delivery.jobs}")


def until(notifier: Notifier, is_so: Callable[[], bool]) -> None:
    """Take turns until it is so."""
    give_up_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up_at
        notifier.turn()
        notifier.wait(0.02)


def said(sink: HttpSink) -> list[str]:
    return [seen.body.decode() for seen in sink.seen]


def make_due() -> None:
    """Let the time of the next attempt come."""
    Notification.objects.update(next_attempt_at=ago(seconds=1))
