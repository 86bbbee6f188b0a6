"""Speaking to the host's HAProxy by its runtime socket: asking it, and draining its servers."""

import contextlib
import socket
import subprocess
import syslog
import time

from ops.agent.commands import Failed

HAPROXY = "/run/stillhere-balancer/admin.sock"
KEEP_STATE = ["python3", "/usr/local/lib/stillhere/keep_state.py", "save"]
REPLY_SECONDS = 5.0
RELOAD_SECONDS = 5.0  # how long the socket may be gone while a new process takes over


def haproxy(commands: list[str], audit: str = "") -> dict[str, list[str]]:
    """Return HAProxy's answers.

    With `audit` they are an operator's words: each is to change something, says
    nothing when it did, and is kept over reloads and restarts.
    """
    answers = [answer(command) for command in commands]
    if audit:
        syslog.openlog("stillhere-ops", 0, syslog.LOG_AUTH)
        syslog.syslog(syslog.LOG_NOTICE, audit)
        subprocess.run(KEEP_STATE, capture_output=True, timeout=30, check=True)
        said = [text.strip() for text in answers if text.strip()]
        if said:
            raise Failed(f"HAProxy: {'; '.join(said)}")
    return {"answers": answers}


def answer(command: str) -> str:
    """Return what HAProxy says to one command."""
    if "\n" in command or ";" in command:
        raise Failed(f"One command at a time: {command!r}.")
    deadline = time.monotonic() + RELOAD_SECONDS
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(REPLY_SECONDS)
        while True:
            try:
                line.connect(HAPROXY)
                break
            except (ConnectionRefusedError, FileNotFoundError) as error:
                if time.monotonic() > deadline:
                    raise Failed(f"HAProxy does not run: {error}.") from None
                time.sleep(0.1)
        line.sendall(command.encode() + b"\n")
        parts = []
        while part := line.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")
