"""What we are measured against: nginx, a row-at-a-time worker, a plain Django view."""

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ping.processes import (
    ROOT,
    START_SECONDS,
    BenchError,
    ending_with_us,
    environment,
    python,
    start,
    stop,
    wait_until,
)
from tests.bench.ping.service import get
from tests.ports import free_port

WORKERS = 4  # gunicorn's, as the issue of this benchmark was set

_NGINX = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{ default_type text/plain; return 200 "OK"; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens on this machine."""

    port: int
    roots: dict[str, int]


@contextmanager
def running_nginx(directory: Path) -> Iterator[Server]:
    """Run nginx with one worker and no access log, which answers everything with 200."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise BenchError("nginx is not installed. As root, `make setup` installs it.")
    directory.mkdir(parents=True)
    port, log = free_port(), directory / "log"
    configuration = directory / "nginx.conf"
    configuration.write_text(_NGINX.format(directory=directory, port=port), "utf-8")
    arguments = ["-p", str(directory), "-c", str(configuration), "-e", "stderr"]
    process = start([program, *arguments], log)
    try:
        wait_until(lambda: _answers(port, "/"), "nginx to answer", log, process)
        yield Server(port, {"nginx": process.pid})
    finally:
        stop(process)


@contextmanager
def running_django(
    directory: Path, url: str, known: str, *, is_persistent: bool
) -> Iterator[Server]:
    """Run the plain view under gunicorn; each request has a new connection, or each worker one."""
    directory.mkdir(parents=True)
    port, log = free_port(), directory / "log"
    settings = environment(
        STILLHERE_DATA_DIR=str(directory),
        DATABASE_URL=url,
        BENCH_CONN_MAX_AGE="3600" if is_persistent else "0",
    ) | {"DJANGO_SETTINGS_MODULE": "tests.bench.ping.django_settings"}
    command = python("-m", "gunicorn", "--workers", str(WORKERS), "--worker-class", "sync")
    command += ["--bind", f"127.0.0.1:{port}", "--log-level", "error", "--timeout", "300"]
    process = start([*command, "app.wsgi:application"], log, settings)
    try:
        wait_until(lambda: _answers(port, f"/ping/{known}"), "gunicorn to answer", log, process)
        yield Server(port, {"gunicorn": process.pid})
    finally:
        stop(process)


def _answers(port: int, path: str) -> bool:
    try:
        return get(port, path)[0] == 200
    except OSError:
        return False


@dataclass(slots=True)
class RowWorker:
    """The row-at-a-time worker, waiting to be told how long to work."""

    process: subprocess.Popen[str]

    def work(self, seconds: float) -> dict[str, float]:
        """Work for so long (to the end of a transaction); return what it says."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        said: dict[str, float] = json.loads(self.line(seconds + START_SECONDS))
        return said

    def line(self, timeout_seconds: float) -> str:
        """Return its next line. BenchError when there is none in time, or it has ended."""
        assert self.process.stdout is not None
        if select.select([self.process.stdout], [], [], timeout_seconds)[0]:
            line = self.process.stdout.readline()
            if line:
                return line
        raise BenchError("The row-at-a-time worker has said nothing; its error is above.")


@contextmanager
def running_row_worker(url: str, paths: Path) -> Iterator[RowWorker]:
    """Run the worker on a PostgreSQL database."""
    process = subprocess.Popen(
        python("-m", "tests.bench.ping.row_worker", str(paths)),
        cwd=ROOT, env=environment(DATABASE_URL=url), text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=ending_with_us(),
    )  # fmt: skip
    worker = RowWorker(process)
    try:
        if worker.line(START_SECONDS).strip() != "ready":
            raise BenchError("The row-at-a-time worker does not say that it is ready.")
        yield worker
    finally:
        process.terminate()
        process.communicate(timeout=30)
