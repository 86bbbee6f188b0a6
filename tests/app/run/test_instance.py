"""One instance for a data directory, told from the remains of a killed one."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.run import instance

# Claims the directory, then starts a child that inherits what a process of ours does.
HOLDER = """
import subprocess, sys, time
from pathlib import Path
from app.run import instance
claim = instance.claim(Path(sys.argv[1]), "pid 1, at its address")
assert isinstance(claim, instance.Claim)
child = subprocess.Popen(["sleep", "60"], pass_fds=[claim.processes_lock])
print(child.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def holder(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", HOLDER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process, child
        finally:
            process.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def claimed(directory: Path, patience_seconds: float = 0) -> instance.Claim:
    claim = instance.claim(directory, "us", patience_seconds)
    assert isinstance(claim, instance.Claim)
    return claim


def release(claim: instance.Claim) -> None:
    os.close(claim.supervisor_lock)
    os.close(claim.processes_lock)


def test_a_free_directory_is_ours(tmp_path: Path) -> None:
    release(claimed(tmp_path))
    release(claimed(tmp_path))


def test_a_living_instance_is_found_and_describes_itself(tmp_path: Path) -> None:
    with holder(tmp_path):
        found = instance.claim(tmp_path, "us")
        assert found == instance.Running("pid 1, at its address")


def test_a_killed_instance_is_no_living_one_and_its_remains_are_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, child):
        process.send_signal(signal.SIGKILL)
        process.wait()
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {child}"])
        begin = time.monotonic()
        release(claimed(tmp_path, patience_seconds=20))
        assert time.monotonic() - begin >= 0.4
        killer.wait()


def test_remains_that_do_not_end_are_not_waited_for_for_ever(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
        begin = time.monotonic()
        release(claimed(tmp_path, patience_seconds=0.2))
        assert time.monotonic() - begin >= 0.2


def test_the_lock_of_the_processes_survives_what_the_supervisor_closes(tmp_path: Path) -> None:
    claim = claimed(tmp_path)
    assert claim.processes_lock >= instance.INHERITED_FROM
    assert os.get_inheritable(claim.processes_lock)
    assert not os.get_inheritable(claim.supervisor_lock)
    release(claim)


@pytest.mark.parametrize("name", ["supervisor.lock", "processes.lock"])
def test_only_the_owner_reads_the_locks(tmp_path: Path, name: str) -> None:
    release(claimed(tmp_path))
    assert (tmp_path / name).stat().st_mode & 0o077 == 0
