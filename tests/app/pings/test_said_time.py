"""What a receiver has promised outlives it (app/pings/said_time.py)."""

import time
from pathlib import Path

import pytest

from app.pings.directory import Directory
from app.pings.intake import Intake
from app.pings.journal import Journal
from app.pings.said_time import SaidTime


def begun(directory: Path) -> tuple[Intake, Journal]:
    journal = Journal(directory, 0, limit_bytes=10**9, segment_bytes=10**7)
    return Intake(journal, Directory()), journal


def test_a_run_takes_no_ping_before_what_the_last_one_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, journal = begun(tmp_path)
    said: list[int] = []
    intake.on_end = lambda _place, time_us: said.append(time_us)
    intake.tick()
    journal.close()
    minute_ago = time.time_ns() - 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: minute_ago)
    again, journal = begun(tmp_path)
    assert again._now_us() > said[-1]
    journal.close()


def test_a_time_that_no_right_clock_can_have_said_is_not_kept_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = SaidTime(tmp_path / "said")
    said.keep((time.time_ns() + 7_200 * 10**9) // 1_000)
    said.close()
    intake, journal = begun(tmp_path)
    assert intake._now_us() < (time.time_ns() + 10**9) // 1_000
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    journal.close()


def test_a_file_that_is_not_whole_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(b"abc")
    said = SaidTime(tmp_path / "said")
    assert said.before_us == 0
    said.keep(5)
    said.close()
    assert SaidTime(tmp_path / "said").before_us == 5
