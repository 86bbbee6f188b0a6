"""End with the parent process: this is where nothing outlives its supervisor.

Linux only: the kernel sends the signal, whatever killed the parent.
"""

import ctypes
import os
import signal

# The supervisor's pid, in the environment of everything that it starts.
SUPERVISOR_PID = "STILLHERE_SUPERVISOR_PID"
_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int | None = None, how: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send `how` to this process when its parent dies.

    `parent` is the pid that the parent should have; without it the supervisor's,
    when there is one. When the parent died before we got here, we end now: the
    kernel signals only deaths that happen after the call.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, how, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    expected = parent or int(os.environ.get(SUPERVISOR_PID, "0"))
    if expected and os.getppid() != expected:
        os.kill(os.getpid(), how)
