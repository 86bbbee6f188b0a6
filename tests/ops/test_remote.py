"""What a session makes of a host that answers late."""

import contextlib
import json
import socket
import threading
from typing import Any, cast

import pytest

from ops.errors import Unreachable
from ops.remote import Session
from provisioning.fleet import Host, Role


class Line:
    """Both a channel and its connection, as far as a session needs them, over a socket pair."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.sendall = self.here.sendall
        self.status_event = threading.Event()
        self.status_event.set()
        self.exit_status = -1

    def settimeout(self, seconds: float) -> None:
        """As paramiko's: a closed one does not mind."""
        with contextlib.suppress(OSError):
            self.here.settimeout(seconds)

    def readline(self) -> bytes:
        """As paramiko's file: a time-out leaves it usable."""
        said = b""
        while not said.endswith(b"\n") and (one := self.here.recv(1)):
            said += one
        return said

    def close(self) -> None:
        self.here.close()


def session_over(line: Line) -> Session:
    session = Session.__new__(Session)
    session.host = Host("app1", Role.APP_SERVER, "dc", "10.0.0.1", "::1", "")
    session.patience_seconds = 30
    session._connection = session._channel = session._lines = cast("Any", line)
    return session


def test_a_late_answer_is_not_taken_for_that_of_the_next_question() -> None:
    line = Line()
    session = session_over(line)
    with line.there, line.here:
        with pytest.raises(Unreachable, match=r"app1: .* when asked to restart_services"):
            session.ask("restart_services", answer_seconds=1)
        with contextlib.suppress(BrokenPipeError):
            line.there.sendall(json.dumps({"ok": True, "late": True}).encode() + b"\n")
        with pytest.raises(Unreachable):
            session.ask("standing", answer_seconds=5)
