"""The whole service as real processes: this is where end-to-end tests start and kill it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil
import psycopg2

from tests.e2e.commands import ROOT, Commands
from tests.ports import free_port

KEPT = ("receiver", "drain", "pages", "notifier")
T = TypeVar("T")


@dataclass(slots=True)
class Service(Commands):
    """`make run` without make, in a data directory and on a port of its own."""

    data_dir: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start it; return when it answers and every process runs."""
        self.launch()
        wait_for(self.is_ready, "the service to answer", self.output, timeout_seconds=90)

    def launch(self) -> None:
        """Start it without waiting."""
        self.logs.append(self.data_dir.parent / f"log-{len(self.logs)}")
        with self.logs[-1].open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.run"],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    def is_ready(self) -> bool:
        """Return True when it has said that it answers."""
        return "Stillhere answers" in self.output() and self.pids().keys() == set(KEPT)

    def output(self) -> str:
        """Return what the last start has printed."""
        return self.logs[-1].read_text("utf-8", "replace")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop it as a person would; return its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(how)
        status = self.process.wait(30)
        self.process = None
        return status

    def pids(self) -> dict[str, int]:
        """Return the pid of each process that the supervisor keeps."""
        if self.process is None:
            return {}
        found = {}
        for child in psutil.Process(self.process.pid).children():
            name = _name(child)
            if name in KEPT:
                found[name] = child.pid
        return found

    def all_pids(self) -> list[int]:
        """Return every process below the supervisor, gunicorn's worker too."""
        if self.process is None:
            return []
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def kill(self, name: str) -> int:
        """Kill one process with -9; return the pid it had."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_until_back(self, name: str, old_pid: int) -> float:
        """Wait for a new process of that name; return the seconds it took."""
        begin = time.monotonic()
        wait_for(lambda: self.pids().get(name, old_pid) != old_pid, f"{name} to be back")
        return time.monotonic() - begin

    def bootstrap(self, email: str = "ada@example.org") -> dict[str, str]:
        """Return access to a project."""
        arguments = ["bootstrap", "--email", email, "--project", "Jobs", "--json"]
        values: dict[str, str] = json.loads(self.manage(*arguments))
        return values

    def url(self, path: str) -> str:
        """Return an address of the service."""
        return f"http://127.0.0.1:{self.port}{path}"

    def ping(self, path: str, body: bytes | None = None) -> str:
        """Send a ping; return the answer's text."""
        return self.get(f"/ping/{path}", body)

    def get(self, path: str, body: bytes | None = None) -> str:
        """Return the text of an answer. HTTPError unless its status is 200 or 201."""
        with urlopen(self.url(path), body, timeout=5) as answer:  # noqa: S310 (http it is)
            return str(answer.read().decode())


@contextmanager
def new_service(directory: Path, **settings: str) -> Iterator[Service]:
    """Prepare a service on the database of this run; stop and clean up at the end."""
    data_dir, port = directory / "var", free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with new_database() as database:
        service = Service(
            data_dir,
            port,
            kept
            | {"DJANGO_SETTINGS_MODULE": "app.settings", "STILLHERE_DATA_DIR": str(data_dir)}
            | {"PORT": str(port), "MIN_PERIOD_SECONDS": "1", "PING_LOG_LIMIT": "1000000"}
            | {"ALLOW_PRIVATE_ADDRESSES": "1"}
            | database
            | settings,
        )
        try:
            yield service
        finally:
            if service.process is not None:
                service.stop()


@contextmanager
def new_database() -> Iterator[dict[str, str]]:
    """Make a database of its own in the cluster of this run; nothing to do for SQLite."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        yield {}
        return
    name = f"e2e_{uuid.uuid4().hex}"
    _execute(url, f"CREATE DATABASE {name}")
    try:
        yield {"DATABASE_URL": urlsplit(url)._replace(path=f"/{name}").geturl()}
    finally:
        _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def wait_for(
    condition: Callable[[], T],
    what: str,
    context: Callable[[], str] = str,
    *,
    timeout_seconds: float = 30,
) -> T:
    """Return the first true value of the condition; fail when there is none in time."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"Waited {timeout_seconds} s for {what}.\n{context()}")


def _name(process: psutil.Process) -> str:
    try:
        return process.environ().get("SUPERVISOR_PROCESS_NAME", "")
    except psutil.Error:  # it is ending
        return ""
