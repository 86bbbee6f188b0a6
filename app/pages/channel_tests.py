"""How the last test of a channel went: what the list of channels says while one waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts.models import Project
from app.alerts.models import Notification

SHOWN_FOR = timedelta(minutes=10)
WAITED_FOR = timedelta(minutes=1)
State = Notification.State


@dataclass(frozen=True, slots=True)
class Trial:
    """A test in words. `is_waiting`: look again in a second; the sentence is not final."""

    words: str
    is_waiting: bool
    is_bad: bool


def latest(project: Project, now: datetime) -> dict[int, Notification]:
    """Return the last test of each channel (by its id), of the last ten minutes. One query."""
    tests = Notification.objects.filter(
        channel__project=project, check_ref=None, created_at__gt=now - SHOWN_FOR
    )
    return {test.channel_id: test for test in tests.order_by("pk")}


def in_words(test: Notification, now: datetime, is_kept: bool) -> Trial:
    """Return how it went. A test is tried once; after a minute it is no use to wait."""
    if test.state == State.SENT:
        said = "kept on this server, and reached nobody" if is_kept else "delivered"
        return Trial(f"The test was {said}.", is_waiting=False, is_bad=is_kept)
    if test.state == State.FAILED:
        return Trial(f"The test failed: {test.error}", is_waiting=False, is_bad=True)
    if now - test.created_at < WAITED_FOR:
        return Trial("A test is on its way.", is_waiting=True, is_bad=False)
    late = "The test still waits. Is the notifier running? The log of the server says more."
    return Trial(late, is_waiting=False, is_bad=True)
