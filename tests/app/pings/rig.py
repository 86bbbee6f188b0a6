"""A receiver and a drain as real processes, on the database of the test."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from app.pings.models import Position
from tests.e2e.service import wait_for
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
_COMMANDS = {"receiver": ["-m", "app.pings.receiver"], "drain": ["manage.py", "drain"]}


@dataclass
class PingPath:
    """The ping path on a port of its own."""

    port: int
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        for name in names or tuple(_COMMANDS):
            with (settings.DATA_DIR / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, *_COMMANDS[name]],
                    cwd=ROOT, env=self.environment, stdout=log, stderr=log,
                )  # fmt: skip
        if "receiver" in (names or _COMMANDS):
            wait_for(self.answers, "the receiver to answer", self.log)
        if self.processes.keys() == _COMMANDS.keys():
            started = datetime.now(UTC)
            heard = Position.objects.filter(applied_before__gte=started)
            wait_for(heard.exists, "the drain to hear the receiver", self.log)

    def log(self) -> str:
        found = (settings.DATA_DIR / f"{name}.log" for name in _COMMANDS)
        return "\n".join(path.read_text("utf-8", "replace") for path in found if path.exists())

    def answers(self) -> bool:
        try:
            return self.raw(b"GET /-/accepting HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(10)

    def raw(self, request: bytes, host: str = "127.0.0.1", timeout_seconds: float = 10) -> bytes:
        """Send bytes on a connection of their own and return all that comes back."""
        with socket.create_connection((host, self.port), timeout=timeout_seconds) as client:
            client.sendall(request)
            answer = b""
            while data := client.recv(65536):
                answer += data
            return answer

    def request(
        self, path: str, *headers: str, method: str = "GET", body: bytes = b""
    ) -> tuple[int, str]:
        """Return status and text of one request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        answer = self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        head, _, text = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), text.decode()


@contextmanager
def ping_path(**variables: str) -> Iterator[PingPath]:
    """Run the ping path; needs the fixture `transactional_db`."""
    for directory in (settings.JOURNAL_DIR, settings.RUN_DIR):
        shutil.rmtree(directory, ignore_errors=True)
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "app.settings",
        "STILLHERE_DATA_DIR": str(settings.DATA_DIR),
        "PORT": str(port),
        "PING_LOG_LIMIT": "1000000",
    }
    path = PingPath(port, environment | _database() | variables)
    try:
        yield path
    finally:
        for name in list(path.processes):
            path.kill(name)


def _database() -> dict[str, str]:
    if connection.vendor == "sqlite":
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SHOW unix_socket_directories")
        (directory,) = cursor.fetchone()
    name = connection.settings_dict["NAME"]
    return {"DATABASE_URL": f"postgresql://stillhere@/{name}?host={quote(directory, safe='')}"}
