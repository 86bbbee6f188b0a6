"""Processes that die come back, and none outlives the supervisor: with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.run.programs import Program, configuration
from tests.e2e.commands import ROOT
from tests.e2e.service import wait_for

SUPERVISOR = """
import os, sys
from pathlib import Path
from app.parent_death import SUPERVISOR_PID
from app.run.supervise import ToldToStop, supervise
os.environ[SUPERVISOR_PID] = str(os.getpid())
supervise(Path(sys.argv[1]), ToldToStop())
"""
SLEEPER = "from app.parent_death import end_with_parent; end_with_parent(); import time; "
SLEEPER += "print('up', flush=True); time.sleep(600)"


class Supervised:
    def __init__(self, directory: Path, programs: list[Program]) -> None:
        path = directory / "supervisor.conf"
        user = "root" if os.geteuid() == 0 else None
        path.write_text(configuration(programs, ROOT, directory, user), "utf-8")
        self.log = directory / "log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-c", SUPERVISOR, str(path)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def output(self) -> str:
        return self.log.read_text("utf-8")

    def children(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def only_child(self) -> int:
        return wait_for(self.children, "a child", self.output)[0]

    def wait_for_lines(self, text: str, count: int) -> None:
        wait_for(lambda: self.output().count(text) >= count, f"{count} x {text}", self.output)


@pytest.fixture
def sleeping(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, [Program("sleeper", [sys.executable, "-c", SLEEPER])])
    supervised.wait_for_lines("up\n", 1)
    yield supervised
    if supervised.process.poll() is None:
        supervised.process.terminate()
        supervised.process.wait(20)


def test_a_killed_process_is_back_within_two_seconds(sleeping: Supervised) -> None:
    time.sleep(1.2)  # what dies in its first second is held back on purpose
    old = sleeping.only_child()
    begin = time.monotonic()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: sleeping.children() not in ([], [old]), "another child", sleeping.output)
    assert time.monotonic() - begin < 2
    sleeping.wait_for_lines("up\n", 2)
    assert "sleeper ended and is started again.\n" in sleeping.output()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_cleanly(sleeping: Supervised, how: signal.Signals) -> None:
    child = sleeping.only_child()
    sleeping.process.send_signal(how)
    assert sleeping.process.wait(20) == 0
    assert not psutil.pid_exists(child)
    assert sleeping.output() == "up\nStopping.\n"


def test_no_child_outlives_a_killed_supervisor(sleeping: Supervised) -> None:
    child = psutil.Process(sleeping.only_child())
    sleeping.process.kill()
    sleeping.process.wait(5)
    child.wait(2)  # TimeoutExpired when it lives longer


def test_what_cannot_start_is_tried_again_and_again(tmp_path: Path) -> None:
    failing = Program("failing", [sys.executable, "-c", "raise SystemExit('no')"])
    supervised = Supervised(tmp_path, [failing])
    supervised.wait_for_lines("no\n", 2)
    assert "failing ended right after its start; next try in 1 s.\n" in supervised.output()
    supervised.process.terminate()
    assert supervised.process.wait(20) == 0


def test_what_is_not_kept_runs_once(tmp_path: Path) -> None:
    greet = Program("greet", [sys.executable, "-c", "print('hello')"], is_kept=False)
    sleeper = Program("sleeper", [sys.executable, "-c", SLEEPER])
    supervised = Supervised(tmp_path, [greet, sleeper])
    supervised.wait_for_lines("hello\n", 1)
    supervised.wait_for_lines("up\n", 1)
    time.sleep(0.5)  # time enough for a second greeting
    supervised.process.terminate()
    assert supervised.process.wait(20) == 0
    assert sorted(supervised.output().splitlines()) == ["Stopping.", "hello", "up"]


def test_lines_of_different_processes_do_not_mix(tmp_path: Path) -> None:
    halves = "import sys, time; sys.stdout.write('ha'); sys.stdout.flush(); time.sleep(0.3); "
    programs = [
        Program(name, [sys.executable, "-c", halves + "print('lf', flush=True); time.sleep(60)"])
        for name in ("one", "two", "three")
    ]
    supervised = Supervised(tmp_path, programs)
    supervised.wait_for_lines("half\n", 3)
    supervised.process.terminate()
    supervised.process.wait(20)
    assert supervised.output() == "half\nhalf\nhalf\nStopping.\n"


def test_a_ctrl_c_that_python_has_lost_ends_it_all_the_same(tmp_path: Path) -> None:
    """What a handler raises while a value is cleaned up is printed and forgotten."""
    lost = """
import signal
told = ToldToStop()
signal.signal(signal.SIGINT, told)

class Cleaned:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

Cleaned()
print("on it goes", flush=True)
supervise(Path(sys.argv[1]), told)
"""
    program = Program("sleeper", [sys.executable, "-c", SLEEPER])
    path = tmp_path / "supervisor.conf"
    user = "root" if os.geteuid() == 0 else None
    path.write_text(configuration([program], ROOT, tmp_path, user), "utf-8")
    beginning = SUPERVISOR.rpartition("supervise(")[0]
    done = subprocess.run(
        [sys.executable, "-c", beginning + lost, str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert "on it goes" in done.stdout, done.stderr
    assert "Stopping." in done.stdout
