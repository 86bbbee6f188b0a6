"""Keep every process running: this is where the supervisor library is held.

In-process rather than as `supervisord`, because a process that died has to be
back within 2 s and the library looks once a second, because its pause before
the next try grows without end, and because what it says is meant for a log.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from supervisor import events
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

LOOK_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 15


class ToldToStop:
    """The handler of SIGINT and SIGTERM until the supervisor has its own.

    It raises KeyboardInterrupt, and remembers: where Python cleans up behind an import or a
    value, what a handler raises is lost.
    """

    def __init__(self) -> None:
        self.is_so = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Stop whatever is being done."""
        self.is_so = True
        raise KeyboardInterrupt


def supervise(configuration: Path, told: ToldToStop) -> None:
    """Run everything until SIGTERM, SIGINT or SIGHUP; return when all have ended."""
    options = ServerOptions()
    options.realize(["--configuration", str(configuration)])
    options.first, options.test = True, False
    _look_often(options)
    _listen_when_running(options, told)
    with contextlib.suppress(ExitNow):
        Supervisor(options).main()
    options.close_logger()


def _look_often(options: Any) -> None:
    poll = options.poller.poll
    options.poller.poll = lambda timeout: poll(min(timeout, LOOK_SECONDS))


def _listen_when_running(options: Any, told: ToldToStop) -> None:
    """Subscribe where the library sets its signals: before that it forgets subscriptions."""
    set_signals = options.setsignals

    def set_signals_and_listen() -> None:
        set_signals()
        signal.signal(signal.SIGHUP, _hang_up)
        if told.is_so:
            os.kill(os.getpid(), signal.SIGTERM)
        events.subscribe(events.ProcessLogStdoutEvent, _Console().show)
        events.subscribe(events.ProcessStateBackoffEvent, _limit_pause)
        events.subscribe(events.ProcessStateExitedEvent, _tell_of_exit)
        events.subscribe(events.SupervisorStoppingEvent, lambda _event: _say("Stopping."))

    options.setsignals = set_signals_and_listen


def _hang_up(_number: int, _frame: FrameType | None) -> None:
    """End when the terminal goes; the library would start everything anew."""
    os.kill(os.getpid(), signal.SIGTERM)


def _limit_pause(event: Any) -> None:
    pause = min(event.process.backoff, LONGEST_PAUSE_SECONDS)
    event.process.delay = time.time() + pause
    _say(f"{event.process.config.name} ended right after its start; next try in {pause} s.")


def _tell_of_exit(event: Any) -> None:
    if event.process.config.autorestart:
        _say(f"{event.process.config.name} ended and is started again.")


def _say(line: str) -> None:
    _write(f"{line}\n".encode())


def _write(data: bytes) -> None:
    # A terminal or a pipe that is gone is no reason to stop pings.
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(1, data) :]


class _Console:
    """Shows what the processes print, in whole lines."""

    def __init__(self) -> None:
        self._unfinished: dict[str, bytes] = {}

    def show(self, event: Any) -> None:
        name = event.process.config.name
        whole, newline, rest = (self._unfinished.pop(name, b"") + event.data).rpartition(b"\n")
        self._unfinished[name] = rest
        _write(whole + newline)
