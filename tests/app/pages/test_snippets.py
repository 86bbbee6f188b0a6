"""Snippets: the reader's own address, and names that cannot break out of a comment."""

import ast
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from app.checks.models import Check
from app.checks.schedule import Kind, Schedule, upcoming
from app.pages.snippets import calendar_of, cron_of, one_line, snippets
from tests.app.pages.world import NOW

HOSTILE = "a\nb%c$(touch x)`id`'\"\\\u202e; rm -rf \\"


def texts(check: Check) -> dict[str, str]:
    return {snippet.kind: snippet.text for snippet in snippets(check)}


def fields_of(crontab: str) -> tuple[str, str]:
    """Return the times and the command of the last line."""
    parts = crontab.splitlines()[-1].split(maxsplit=5)
    return " ".join(parts[:5]), parts[5]


def test_every_snippet_has_the_readers_own_address() -> None:
    check = Check(name="nightly dump", slug="nightly-dump")
    for kind, text in texts(check).items():
        assert (check.ping_url in text) == (kind != "timer"), kind
        assert "{" not in text or kind in ("bash", "python")


@given(st.text(max_size=100))
def test_a_name_stays_on_one_line_of_words(name: str) -> None:
    line = one_line(name)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    assert "\\" not in line


def test_a_hostile_name_is_only_ever_a_comment() -> None:
    tame, wild = texts(Check(name="a")), texts(Check(name=HOSTILE))
    tame_check = Check(name="a")
    for kind, text in wild.items():
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        code = re.sub(r"[0-9a-f-]{36}", "", "\n".join(lines))
        expected = [line for line in tame[kind].splitlines() if not line.startswith("#")]
        assert code == re.sub(r"[0-9a-f-]{36}", "", "\n".join(expected)), kind
    assert tame_check.ping_url
    ast.parse(wild["python"])


def test_an_address_is_quoted_for_whoever_reads_it(settings: Settings) -> None:
    settings.PING_ENDPOINT = "https://ping.example.org/a%20b/"
    check = Check(name="x")
    found = texts(check)
    assert f"a\\%20b/{check.code}" in found["crontab"]
    assert f"a%%20b/{check.code}" in found["service"]
    assert f"a%20b/{check.code}" in found["curl"]
    assert not re.search(r"(?<!\\)%", fields_of(found["crontab"])[1])


def test_a_check_that_takes_only_post_gets_posts() -> None:
    found = texts(Check(methods="POST"))
    for kind in ("curl", "bad_network", "crontab", "service"):
        assert "-o /dev/null -d '' " in found[kind]
    assert "report -d '' " in found["bash"]


@pytest.mark.parametrize(
    ("seconds", "cron", "calendar"),
    [
        (60, "* * * * *", "minutely"),
        (900, "*/15 * * * *", "*:0/15"),
        (3_600, "0 * * * *", "hourly"),
        (21_600, "0 */6 * * *", "0/6:00"),
        (86_400, "0 3 * * *", "*-*-* 03:00:00"),
        (5_400, "0 3 * * *", "*-*-* 03:00:00"),
        (90, "0 3 * * *", "*-*-* 03:00:00"),
    ],
)
def test_a_period_becomes_times_that_cron_and_systemd_know(
    seconds: int, cron: str, calendar: str
) -> None:
    check = Check(kind="simple", period_seconds=seconds)
    assert cron_of(check) == cron
    assert list(calendar_of(check)) == [calendar]
    CronSim(cron, datetime(2026, 1, 1))  # noqa: DTZ001
    assert upcoming(
        Schedule(Kind.ONCALENDAR, 1, calendar.replace("minutely", "*:*"), "UTC"), NOW, 2
    )


def test_python_takes_no_name_for_the_encoding_of_the_file() -> None:
    """It looks for one in the comments of the first two lines."""
    compile(texts(Check(name="Transcoding: nightly"))["python"].encode(), "snippet", "exec")


def test_a_schedule_of_its_own_is_kept_with_its_zone() -> None:
    cron = texts(Check(kind="cron", schedule="*/7 3 * * 1-5", tz="Europe/Riga"))
    assert fields_of(cron["crontab"])[0] == "*/7 3 * * 1-5"
    assert "Europe/Riga" in cron["crontab"]
    calendar = Check(
        kind="oncalendar", schedule="Mon 03:00\n\nTue 04:00 Asia/Tokyo", tz="Europe/Riga"
    )
    assert list(calendar_of(calendar)) == ["Mon 03:00 Europe/Riga", "Tue 04:00 Asia/Tokyo"]


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed here")
    check = Check(name=HOSTILE, slug="nightly-dump", kind="simple", period_seconds=900)
    found = texts(check)
    runnable = found["service"].replace("/usr/local/bin/nightly-dump", "/bin/true")
    (tmp_path / "nightly-dump.service").write_text(runnable, "utf-8")
    (tmp_path / "nightly-dump.timer").write_text(found["timer"], "utf-8")
    units = sorted(map(str, tmp_path.iterdir()))
    command = ["systemd-analyze", "verify", "--recursive-errors=one", *units]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert [line for line in said.stderr.splitlines() if "nightly-dump" in line] == []
