"""The snippets as a reader would run them: against a real receiver and a real drain."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from app.accounts.models import Project
from app.checks.models import Check
from app.pages.snippets import snippets
from app.pings.log import Log
from app.pings.models import Ping
from tests.app.pings.rig import ping_path
from tests.e2e.service import wait_for
from tests.ports import free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def check(transactional_db: None, settings: Settings) -> Iterator[Check]:
    """Return a check whose pings arrive."""
    made = Check.objects.create(project=Project.objects.create(name="p"), slug="dump", name="it's")
    with ping_path() as running:
        settings.PING_ENDPOINT = f"http://127.0.0.1:{running.port}/ping/"
        running.start()
        yield made


def text_of(check: Check, kind: str) -> str:
    return next(snippet.text for snippet in snippets(check) if snippet.kind == kind)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=kept
    )


def arrived(check: Check, count: int) -> list[Ping]:
    """Return the pings since the last time this was asked."""

    def enough() -> list[Ping]:
        found = list(Ping.objects.filter(check_ref=check).order_by("n"))
        return found if len(found) >= count else []

    found = wait_for(enough, f"{count} pings")
    Ping.objects.filter(check_ref=check).delete()
    return found


def said(pings: list[Ping]) -> list[tuple[str, int | None]]:
    return [(ping.action, ping.exit_status) for ping in pings]


def test_curl_and_cron_report(check: Check) -> None:
    for kind in ("curl", "bad_network"):
        done = run("/bin/sh", "-c", text_of(check, kind))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert said(arrived(check, 1)) == [("success", None)]
    # What stands behind the five fields is a command for /bin/sh, where an unquoted % is a newline.
    command = text_of(check, "crontab").splitlines()[-1].split(maxsplit=5)[5]
    for status, action in ((0, "success"), (3, "fail")):
        job = command.replace("/usr/local/bin/dump", f"(exit {status})")
        run("/bin/sh", "-c", job)
        assert said(arrived(check, 1)) == [(action, status)]


def test_the_bash_wrapper_reports_start_status_and_last_lines(check: Check, tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.write_text(text_of(check, "bash"), "utf-8")
    for status, action in ((0, "success"), (4, "fail")):
        job = f"seq 1 200; echo trouble >&2; exit {status}"
        done = run("/bin/bash", str(watched), "/bin/sh", "-c", job)
        assert done.returncode == status
        assert "200\ntrouble" in done.stdout
        wait_for(lambda: Ping.objects.filter(check_ref=check).count() >= 2, "both pings")
        check.refresh_from_db()
        assert len(Log(check).last_runs(30)) == 1
        start, end = arrived(check, 2)
        assert said([start, end]) == [("start", None), (action, status)]
        assert start.rid is not None
        assert start.rid == end.rid
        lines = bytes(end.body or b"").decode().splitlines()
        assert (len(lines), lines[0], lines[-1]) == (100, "102", "trouble")


def test_python_reports_success_failure_and_an_exit(check: Check) -> None:
    code = text_of(check, "python")
    ends = {
        "pass": (0, "success", ""),
        "raise SystemExit(0)": (0, "success", ""),
        "raise SystemExit(2)": (2, "fail", "SystemExit"),
        "raise ValueError('no disk')": (1, "fail", "no disk"),
    }
    for job, (status, action, body) in ends.items():
        done = run(sys.executable, "-c", f"{code}\nwith watched(): {job}")
        assert done.returncode == status
        start, end = arrived(check, 2)
        assert (start.action, end.action, start.rid) == ("start", action, end.rid)
        assert body in bytes(end.body or b"").decode()


def test_what_systemd_runs_at_the_end_reports_how_it_ended(check: Check) -> None:
    unit = text_of(check, "service")
    (line,) = re.findall(r"^ExecStopPost=-(.*)$", unit, re.MULTILINE)
    command = shlex.split(line.replace("$$", "$").replace("%%", "%"))
    ends = {
        ("success", "0"): ("success", 0),
        ("exit-code", "7"): ("fail", 7),
        ("timeout", "TERM"): ("fail", None),
        ("signal", "KILL"): ("fail", None),
    }
    for (result, status), expected in ends.items():
        run(*command, SERVICE_RESULT=result, EXIT_STATUS=status)
        (ping,) = arrived(check, 1)
        assert said([ping]) == [expected]
        assert bytes(ping.body or b"") == f"{result} {status}".encode()


@pytest.mark.django_db(transaction=False)
def test_a_job_does_not_notice_that_nobody_listens(settings: Settings, tmp_path: Path) -> None:
    settings.PING_ENDPOINT = f"http://127.0.0.1:{free_port()}/ping/"
    check = Check(name="x")
    (tmp_path / "watched").write_text(text_of(check, "bash"), "utf-8")
    assert run("/bin/bash", str(tmp_path / "watched"), "/bin/sh", "-c", "exit 5").returncode == 5
    code = text_of(check, "python")
    hurried = f"{code}\ntime.sleep = lambda pause: None\nwith watched(): print('done')"
    done = run(sys.executable, "-c", hurried)
    assert (done.returncode, done.stdout) == (0, "done\n")
