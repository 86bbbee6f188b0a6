"""What an operator does in a rehearsal: this is where fab is run, as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from ops.errors import LabError

ROOT = Path(__file__).parents[3]
FAB_SECONDS = 600.0


def fab(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run fab as an operator does, with nobody at the terminal."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "fab"), *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True,
        timeout=FAB_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def must_fab(*arguments: str, **environment: str) -> str:
    """Run fab and return its data. LabError with all that it said unless it ends with 0."""
    done = fab(*arguments, **environment)
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".strip()
        raise LabError(f"fab {' '.join(arguments)} ended with {done.returncode}:\n{said}")
    return done.stdout
