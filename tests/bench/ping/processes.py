"""Processes of a benchmark: this is where they are started, and end with it, whatever ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.parent_death import SUPERVISOR_PID, end_with_parent

ROOT = Path(__file__).resolve().parents[3]
# A machine that is busy with something else may take its time.
START_SECONDS = 180.0


class BenchError(Exception):
    """Something did not start or did not end; says what, and what it has said."""


def ending_with_us(how: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """Return what a child does before it becomes its program: it is told when we die."""
    us = os.getpid()
    return lambda: end_with_parent(us, how)


def environment(**settings: str) -> dict[str, str]:
    """Return an environment with nothing of the person's own but what a program needs to run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    kept |= {"PYTHONPATH": str(ROOT), SUPERVISOR_PID: str(os.getpid())}
    return kept | {"DJANGO_SETTINGS_MODULE": "app.settings"} | settings


def start(
    command: Sequence[str], log: Path, settings: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program from the repository's root; what it says goes to the end of `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment() if settings is None else dict(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=ending_with_us(),
        )


def python(*arguments: str) -> list[str]:
    """Return the command line of a Python program."""
    return [sys.executable, *arguments]


def stop(process: subprocess.Popen[bytes] | None) -> None:
    """Stop a process of ours: politely, and after a while for sure."""
    if process is None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


def wait_until(
    condition: Callable[[], bool], what: str, log: Path, *processes: subprocess.Popen[bytes]
) -> None:
    """Wait until the condition holds. BenchError when it does not in time, or a process ended."""
    begin = time.monotonic()
    while time.monotonic() < begin + START_SECONDS:
        if condition():
            return
        if any(process.poll() is not None for process in processes):
            break
        time.sleep(0.05)
    said = log.read_text("utf-8", "replace")[-2_000:] if log.exists() else ""
    raise BenchError(f"Waited {time.monotonic() - begin:.0f} s in vain for {what}.\n{said}")
