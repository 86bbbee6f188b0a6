"""Programs of the machine: this is where the lab runs them, each with a time limit."""

import os
import subprocess
from collections.abc import Sequence

from ops.errors import LabError

# The tools of the network live in sbin, which an operator's PATH may not have.
ENVIRONMENT = {
    **os.environ,
    "PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
}


def run(
    command: Sequence[str], *, stdin: str = "", timeout_seconds: float = 30
) -> subprocess.CompletedProcess[str]:
    """Run a program and return what it said, whatever its exit code is.

    The kernel ends it when we are killed: nothing is still being made while
    the next task already sweeps.
    """
    try:
        return subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{command[0]} did not end within {timeout_seconds} s.") from None
    except OSError as error:
        raise LabError(f"{command[0]} cannot be started: {error.strerror}.") from None


def must(command: Sequence[str], *, stdin: str = "", timeout_seconds: float = 30) -> str:
    """Run a program and return its output. LabError carries its complaint."""
    done = run(command, stdin=stdin, timeout_seconds=timeout_seconds)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise LabError(f"{' '.join(command)} failed with {done.returncode}: {said}")
    return done.stdout
