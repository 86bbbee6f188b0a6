"""No alert waits for a server that is gone, and nothing of it is doubled when it comes back."""

import json
import signal
import socket
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from app.checks.models import Check
from app.pings.models import Position
from tests.app.pings.rig import PingPath
from tests.app.pings.test_ping_path import check, path, pings

__all__ = ["check", "path"]  # fixtures
HERE = socket.gethostname()  # what SERVER_NAME is without a word of ours
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def run(*arguments: str) -> str:
    printed = StringIO()
    call_command("retire_server", *arguments, stdout=printed)
    return printed.getvalue()


def run_json(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("--json", *arguments))
    return found


@pytest.fixture
def silent(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers, of which nobody moves a position."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    for server, slot, seconds in (("app1", 0, 0), ("app2", 0, 40), ("app2", 1, 60)):
        at = NOW - timedelta(seconds=seconds)
        Position.objects.create(server=server, slot=slot, applied_before=at)


@pytest.mark.django_db
def test_alerts_wait_for_the_others_alone(silent: None) -> None:
    assert Position.objects.applied_before(NOW, 300) == NOW - timedelta(seconds=60)
    assert run("app2").count("retired") == 2
    assert Position.objects.applied_before(NOW, 300) == NOW
    assert run("app2").count("retired") == 2  # twice is once
    assert run("app1", "--check") == (
        "receiver 0: waited for; what it took before 2026-03-01 12:00:00 UTC is applied\n"
    )


@pytest.mark.django_db
def test_a_look_changes_nothing(silent: None) -> None:
    assert [one["is_retired"] for one in run_json("app2", "--check")] == [False, False]
    assert not Position.objects.filter(is_retired=True).exists()


@pytest.mark.django_db
def test_a_name_that_is_wrong_is_told_who_there_is(silent: None) -> None:
    assert run("app9") == "No receiver of app9 is known. Alerts wait for: app1, app2.\n"
    assert run_json("app9") == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_a_server_that_speaks_is_not_retired(path: PingPath, check: Check) -> None:
    path.start()
    with pytest.raises(CommandError, match="still speaks"):
        run(HERE)
    assert not Position.objects.get().is_retired


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_what_was_left_on_a_retired_disk_arrives_once_when_it_comes_back(
    path: PingPath, check: Check
) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    path.kill("drain")
    path.request(f"/ping/{check.code}")
    path.kill("receiver", signal.SIGTERM)
    assert [one["is_retired"] for one in run_json(HERE)] == [True]
    path.start()
    path.request(f"/ping/{check.code}")
    assert len(pings(check, 3)) == 3
    assert not Position.objects.get().is_retired
