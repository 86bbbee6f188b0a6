"""What is not in the database yet is counted as the drain would read it."""

import json
import signal
from dataclasses import asdict
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command

from app.checks.models import Check
from app.pings.backlog import Backlog, backlogs
from app.pings.journal import segments
from tests.app.pings.rig import PingPath
from tests.app.pings.test_ping_path import check, path, pings
from tests.e2e.service import wait_for

__all__ = ["check", "path"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def test_pings_are_counted_until_the_drain_has_applied_them(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    wait_for(lambda: backlogs() == [Backlog("0")], "the position behind the ping")
    path.kill("drain")
    for _ in range(3):
        path.request(f"/ping/{check.code}")
    (left,) = backlogs()
    assert left.pings == 3
    assert left.size_bytes > 3 * 50
    path.kill("receiver", signal.SIGTERM)
    assert backlogs() == [left]
    path.start("drain")
    wait_for(lambda: backlogs() == [Backlog("0")], "the last of them")
    assert len(pings(check, 4)) == 4


def test_what_follows_the_last_whole_ping_is_no_ping(path: PingPath, check: Check) -> None:
    path.start()
    path.kill("drain")
    path.kill("receiver", signal.SIGTERM)
    newest = list(segments(settings.JOURNAL_DIR / "0").values())[-1]
    with newest.open("ab") as file:
        file.write(b"torn")
    (left,) = backlogs()
    assert (left.pings, left.size_bytes) == (0, 4)


def test_a_journal_that_nobody_can_drain_says_why(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    for name in ("receiver", "drain"):
        path.kill(name)
    for segment in segments(settings.JOURNAL_DIR / "0").values():
        segment.unlink()
    printed = StringIO()
    call_command("backlog", "--json", stdout=printed)
    (left,) = json.loads(printed.getvalue())
    assert left == asdict(backlogs()[0])
    assert "is missing, and it was not drained to its end" in left["trouble"]


def test_without_a_journal_there_is_nothing(path: PingPath) -> None:
    printed = StringIO()
    call_command("backlog", stdout=printed)
    assert printed.getvalue() == "There is no journal here.\n"
