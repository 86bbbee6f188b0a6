"""What the kernel does for us when a parent dies."""

import os
import subprocess
import sys

import psutil

from app.parent_death import SUPERVISOR_PID
from tests.e2e.commands import ROOT
from tests.e2e.service import wait_for

CHILD = "from app.parent_death import end_with_parent; end_with_parent(); print('on', flush=True); "
CHILD += "import time; time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_ends_with_a_killed_parent() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_for(lambda: not child.is_running(), "the child to end", timeout_seconds=2)


def test_a_process_whose_supervisor_is_gone_already_ends_at_once() -> None:
    environment = os.environ | {SUPERVISOR_PID: str(2**22 + 1)}  # no pid is that high
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == -9
    assert done.stdout == b""


def test_without_a_supervisor_any_parent_will_do() -> None:
    environment = {name: os.environ[name] for name in os.environ if name != SUPERVISOR_PID}
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"on\n"
        child.kill()
