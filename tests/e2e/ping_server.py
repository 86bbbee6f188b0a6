"""One application server on a database of the test's choice, and a ledger of tokens."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.e2e.commands import ROOT, Commands
from tests.e2e.service import wait_for
from tests.ports import free_port

_COMMANDS = {
    "receiver": ["-m", "app.pings.receiver"],
    "drain": ["manage.py", "drain"],
    "notifier": ["manage.py", "notifier"],
    "pages": ["-m", "gunicorn", "--config", "python:app.run.gunicorn_conf", "app.wsgi"],
}


@dataclass(slots=True)
class PingServer(Commands):
    """Processes of one server, in a directory of its own."""

    data_dir: Path
    environment: dict[str, str]
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def on(cls, database_url: str, data_dir: Path, **variables: str) -> "PingServer":
        """Return a server that drains into the database; nothing is started."""
        data_dir.mkdir(parents=True)
        port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = kept | {
            "DJANGO_SETTINGS_MODULE": "app.settings",
            "STILLHERE_DATA_DIR": str(data_dir),
            "DATABASE_URL": database_url,
            "SECRET_KEY": "the same on all servers, as in a fleet",
            "PORT": str(port),
            "PING_LOG_LIMIT": "1000000",
            "ALLOW_PRIVATE_ADDRESSES": "1",
        }
        return cls(data_dir, environment | variables, port)

    def start(self, *names: str) -> None:
        """Start processes; return when the receiver answers."""
        for name in names:
            with (self.data_dir / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, *_COMMANDS[name]],
                    cwd=ROOT, env=self.environment, stdout=log, stderr=log,
                )  # fmt: skip
        if "receiver" in names:
            wait_for(lambda: self.ping("/-/accepting") == 200, "the receiver", self.log)

    def kill(self, name: str) -> None:
        """Kill a process with -9."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Let a process do nothing meanwhile."""
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill what is left."""
        for name in list(self.processes):
            self.kill(name)

    def ping(self, path: str, body: bytes = b"", method: str = "POST") -> int:
        """Return the status of one request, 0 when there was no answer."""
        client = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request(method, path, body)
            return client.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            client.close()

    def log(self, name: str = "*") -> str:
        """Return what the processes have logged."""
        paths = sorted(self.data_dir.glob(f"{name}.log"))
        return "\n".join(path.read_text("utf-8", "replace") for path in paths)


@dataclass(slots=True)
class Ledger:
    """Sends numbered tokens from threads of its own, and knows which were acknowledged."""

    server: PingServer
    paths: list[str]
    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Send to each path in turn, from two threads."""
        for name in "ab":
            thread = threading.Thread(target=self._send, args=(name,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Stop sending; what was asked is answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def grow(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_for(
            lambda: len(self.acknowledged) >= wanted, "tokens", self.server.log, timeout_seconds=60
        )

    def _send(self, name: str) -> None:
        number = 0
        while not self._stop.is_set() and self.server.processes:
            token = f"{name}{number}"
            self.sent.add(token)
            path = self.paths[number % len(self.paths)]
            if self.server.ping(path, token.encode()) in (200, 201):
                self.acknowledged.add(token)
            number += 1
            time.sleep(0.002)


def tokens(bodies: list[tuple[Any, ...]]) -> list[str]:
    """Return the tokens of rows of bodies."""
    return [bytes(body).decode() for (body,) in bodies if body is not None]
