"""An apply that meets trouble: another key, another operator, a cut line."""

import os
import signal
import time
from pathlib import Path

import pytest

from ops.changes import Change
from ops.errors import Locked
from ops.reading import sessions_with
from provisioning.fleet import Fleet
from tests.ops.operator import (
    EMPTY,
    FAILED,
    JOURNAL,
    PENDING,
    SYSCTL,
    apply_here,
    copied,
    fab,
    shown_plan,
)
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab


def test_a_host_that_shows_another_key_is_not_spoken_to(applied: Fleet, tmp_path: Path) -> None:
    other = applied.host("db1").host_key
    shown = fab("plan", "--fleet", copied(applied, tmp_path, applied.host("app1").host_key, other))
    assert shown.returncode == FAILED
    assert "app1" in shown.stderr
    assert "not the one in the inventory" in shown.stderr


def test_two_operators_do_not_meet(applied: Fleet) -> None:
    with sessions_with(applied, ("ada@laptop", "a long one")) as sessions:
        sessions.of(applied.host("app2"))
        second = fab("apply", "--fleet", str(applied.path), "--yes")
        assert second.returncode == FAILED
        assert "app2 is held by ada@laptop since" in second.stderr
        assert "a long one" in second.stderr
        assert shown_plan(applied).returncode == EMPTY  # looking is free
    with sessions_with(applied, ("ada@laptop", "again")) as sessions:
        sessions.of(applied.host("app2"))  # the end of the first has let go


def test_an_apply_that_is_cut_is_finished_by_the_next(applied: Fleet, rehearsal: Rehearsal) -> None:
    journald = ["systemctl", "show", "--property=MainPID", "systemd-journald"]
    before = rehearsal.run("app1", journald)
    forget = f"rm {JOURNAL} {SYSCTL}; rm -r /var/lib/stillhere/units"
    rehearsal.run("app1", ["sh", "-c", forget])

    def cut_after_first(host: str, change: Change) -> None:
        if host == "app1" and change.key == f"file {JOURNAL}":
            rehearsal.cut("app1")

    try:
        (result,) = apply_here(applied, cut_after_first, answer_seconds=5)
        assert "app1: the connection broke" in result.trouble
        assert result.made >= 1
    finally:
        rehearsal.uncut("app1")
    shown = shown_plan(applied)
    assert shown.returncode == PENDING
    assert f"create   file {SYSCTL}" in shown.stdout
    _wait_until_released(applied)
    finished = fab("apply", "--fleet", str(applied.path), "--yes")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert shown_plan(applied).returncode == EMPTY
    # Told by the second apply, or by the first when its last words came through after all.
    assert rehearsal.run("app1", journald) != before


def _wait_until_released(fleet: Fleet) -> None:
    """Sshd needs up to 45 s to see that a line is dead; then the agent ends and lets go."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with sessions_with(fleet, ("test@here", "waiting")) as sessions:
            try:
                sessions.of(fleet.host("app1"))
            except Locked:
                time.sleep(1)
            else:
                return
    pytest.fail("the operators' lock was not released within 60 s")


@pytest.mark.parametrize(
    ("harm", "mend", "said"),
    [
        ("mv /usr/bin/python3 /usr/bin/p", "mv /usr/bin/p /usr/bin/python3", "has no python3"),
        (
            "cd ~root; mv .bashrc b; echo echo welcome > .bashrc",
            "cd ~root; mv b .bashrc",
            "its shell says 'welcome'",
        ),
    ],
)
def test_a_host_that_cannot_be_asked_says_why_and_holds_up_no_other(
    applied: Fleet, rehearsal: Rehearsal, harm: str, mend: str, said: str
) -> None:
    rehearsal.run("app1", ["sh", "-c", harm])
    try:
        shown = shown_plan(applied)
    finally:
        rehearsal.run("app1", ["sh", "-c", mend])
    assert shown.returncode == FAILED
    assert f"app1: {said}" in shown.stderr
    assert "Nothing to do on 7 hosts, 1 not read." in shown.stderr


def test_a_host_that_hangs_holds_up_no_other(applied: Fleet, rehearsal: Rehearsal) -> None:
    with rehearsal.hanging("app1"):
        shown = shown_plan(applied)
    assert shown.returncode == FAILED
    assert "takes connections and says nothing" in shown.stderr
    assert "Nothing to do on 7 hosts, 1 not read." in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.long
def test_a_host_that_dies_in_the_middle_is_not_waited_for(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    for host in ("app1", "app2"):
        rehearsal.run(host, ["rm", JOURNAL, SYSCTL])

    def kill_after_first(host: str, _change: Change) -> None:
        if host == "app1":
            rehearsal.kill("app1")

    begin = time.monotonic()
    try:
        died, other = apply_here(applied, kill_after_first, answer_seconds=300)
    finally:
        rehearsal.start("app1")
    assert time.monotonic() - begin < 90
    assert "app1: the connection broke" in died.trouble
    assert other.trouble == ""
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert shown_plan(applied).returncode == EMPTY


def test_ctrl_c_ends_after_the_change_at_hand(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run("app1", ["rm", JOURNAL, SYSCTL])

    def interrupt(_host: str, _change: Change) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)  # this is not the thread that gets it

    (result,) = apply_here(applied, interrupt)
    assert result.made == 1
    assert "app1: stopped by Ctrl-C" in result.trouble
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert shown_plan(applied).returncode == EMPTY


@pytest.mark.long
def test_a_unit_that_does_not_stay_up_is_no_success(applied: Fleet, rehearsal: Rehearsal) -> None:
    squat = "import socket, time; kept = socket.create_server(('', 9100)); time.sleep(600)"
    rehearsal.run("app1", ["systemctl", "stop", "prometheus-node-exporter"])
    rehearsal.run("app1", ["systemd-run", "--unit=squat", "python3", "-c", squat])
    listens = "for _ in $(seq 100); do ss -ltn | grep -q :9100 && exit; sleep 0.1; done; exit 1"
    try:
        rehearsal.run("app1", ["sh", "-c", listens])
        done = fab("apply", "--fleet", str(applied.path))
        assert done.returncode == FAILED
        assert "prometheus-node-exporter.service was started and does not stay up" in done.stderr
        assert "address already in use" in done.stderr
        assert shown_plan(applied).returncode == PENDING
    finally:
        rehearsal.run("app1", ["systemctl", "stop", "squat"])
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert shown_plan(applied).returncode == EMPTY
