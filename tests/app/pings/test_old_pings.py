"""How long pings of an earlier run wait (app/pings/old_pings.py)."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings

from app.checks.models import Check
from app.checks.state import Event
from app.pings.directory import Directory
from app.pings.frames import Entry, encode
from app.pings.intake import Intake
from app.pings.journal import Journal, Place
from app.pings.old_pings import OldPings
from tests.app.pings.rig import PingPath
from tests.app.pings.test_ping_path import check, path, pings
from tests.e2e.service import wait_for

__all__ = ["check", "path"]  # fixtures


CODE = UUID(int=1)


def opened(directory: Path) -> Journal:
    return Journal(directory, 0, limit_bytes=10**9, segment_bytes=10**7)


def write(directory: Path, *ages_seconds: float, code: UUID = CODE) -> list[Place]:
    """Write a journal of an earlier run; return the place behind each ping."""
    journal, now = opened(directory), datetime.now(UTC)
    identity = journal.identity.journal
    places = [
        journal.append(encode(identity, Entry(code.bytes, Event(now - timedelta(seconds=age)))))
        for age in ages_seconds
    ]
    journal.close()
    return places


class Run:
    """The part of a receiver's run that knows how long pings wait."""

    def __init__(self, directory: Path) -> None:
        self.journal = opened(directory)
        self.intake = Intake(self.journal, Directory())
        self.old = OldPings(directory, self.journal.identity, self.journal.end, self.intake)
        self.old.look()

    def dwell(self) -> int:
        """Return it in tens of seconds."""
        return 10 * round(self.intake.dwell_seconds() / 10)

    def drained(self, place: Place) -> None:
        self.intake.undrained.drained(place)
        self.old.look()


def test_the_oldest_ping_that_waits_decides(tmp_path: Path) -> None:
    places = write(tmp_path, 300, 200, 100)
    run = Run(tmp_path)
    assert (run.dwell(), run.intake.is_prompt()) == (300, False)
    run.drained(places[0])
    assert run.dwell() == 200
    run.drained(places[1])
    assert (run.dwell(), run.intake.is_prompt()) == (100, False)
    run.drained(run.journal.end)
    assert (run.intake.dwell_seconds(), run.intake.is_prompt()) == (0.0, True)


def test_a_journal_without_pings_waits_for_nothing(tmp_path: Path) -> None:
    assert Run(tmp_path).intake.dwell_seconds() == 0.0


def test_what_was_drained_is_remembered_over_a_restart(tmp_path: Path) -> None:
    places = write(tmp_path, 300, 200)
    run = Run(tmp_path)
    run.drained(places[0])
    run.journal.close()
    run = Run(tmp_path)
    assert run.dwell() == 200
    run.drained(run.journal.end)
    run.journal.close()
    assert Run(tmp_path).intake.dwell_seconds() == 0.0


@pytest.mark.parametrize("hint", [b"", b"nonsense", b"\xff", b"99 40", b"1 41"])
def test_a_hint_that_says_nothing_leaves_the_oldest_ping_there_is(
    tmp_path: Path, hint: bytes
) -> None:
    write(tmp_path, 300, 200)
    (tmp_path / "drained").write_bytes(hint)
    assert Run(tmp_path).dwell() == 300
    assert not (tmp_path / "damaged").exists()


def test_new_pings_count_too(tmp_path: Path) -> None:
    write(tmp_path, 300)
    run = Run(tmp_path)
    run.intake.undrained.add(Place(9, 100), 3)
    assert (run.dwell(), run.intake.queued()) == (300, 3)
    run.drained(run.journal.end)
    assert run.intake.dwell_seconds() < 10
    run.drained(Place(9, 100))
    assert (run.intake.dwell_seconds(), run.intake.queued()) == (0.0, 0)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_starts_with_an_old_backlog_is_not_prompt(
    path: PingPath, check: Check
) -> None:
    write(settings.JOURNAL_DIR / "0", 60, 20, code=check.code)
    path.start("receiver")
    assert path.request("/-/prompt") == (503, "not prompt")
    assert path.request("/-/accepting") == (200, "accepting")
    path.start("drain")
    pings(check, 2)
    wait_for(lambda: path.request("/-/prompt")[0] == 200, "the receiver to be prompt", path.log)
    kept = settings.JOURNAL_DIR / "0" / "drained"
    wait_for(kept.exists, "the place to be kept", path.log)
    for name in ("drain", "receiver"):
        path.kill(name)
    path.start("receiver")
    assert path.request("/-/prompt") == (200, "prompt")


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_pings_grow_old_when_the_drain_is_killed(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    path.kill("drain")
    path.request(f"/ping/{check.code}")
    path.kill("receiver")
    time.sleep(1)
    path.start("receiver")
    lines = wait_for(lambda: _dwell_ms(), "its age in the log", path.log)
    assert lines[-1] > 1_000


def _dwell_ms() -> list[int]:
    text = (settings.DATA_DIR / "receiver.log").read_text().rpartition("receiver ready")[2]
    return [int(line.rpartition("=")[2]) for line in text.splitlines() if "dwell_ms" in line]
