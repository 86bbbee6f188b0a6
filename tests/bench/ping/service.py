"""Our receiver and drain as real processes, started as `make run` starts them."""

import http.client
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ping.databases import Database, Sqlite
from tests.bench.ping.processes import environment, python, start, stop, wait_until
from tests.ports import free_port

# Pings of a check are not cut: the ledger counts every row.
_PING_LOG_LIMIT = "1000000000"


@dataclass(slots=True)
class Service:
    """One receiver and one drain, on a database, in a data directory of their own."""

    data_dir: Path
    port: int
    database: Database
    settings: dict[str, str]
    receiver: subprocess.Popen[bytes] | None = None
    drain: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Return where both say what they say."""
        return self.data_dir / "log"

    @property
    def journal(self) -> Path:
        """Return the directory of the journals."""
        return self.data_dir / "journal"

    @property
    def roots(self) -> dict[str, int]:
        """Return the processes by name, the database's too."""
        ours = {"receiver": self.receiver, "drain": self.drain}
        found = {name: process.pid for name, process in ours.items() if process is not None}
        return found | self.database.roots

    def start(self, known: str) -> None:
        """Start both; return when the receiver knows the check `known`."""
        self.drain = start(python("manage.py", "drain"), self.log, self.settings)
        self.receiver = start(python("-m", "app.pings.receiver"), self.log, self.settings)
        what, both = "the receiver to know its checks", (self.drain, self.receiver)
        wait_until(lambda: self.knows(known), what, self.log, *both)

    def knows(self, code: str) -> bool:
        """Return True when the check is known: a wrong ping is then a 400, else a 404."""
        try:
            status, _ = get(self.port, f"/ping/{code}/999")
        except OSError:
            return False
        return status == 400

    def pause_drain(self) -> None:
        """Let the drain stand still, with its connection."""
        if self.drain is not None:
            self.drain.send_signal(signal.SIGSTOP)

    def resume_drain(self) -> None:
        """Let the drain go on."""
        if self.drain is not None:
            self.drain.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop both."""
        stop(self.receiver)
        stop(self.drain)
        self.receiver = self.drain = None


@contextmanager
def running_service(
    data_dir: Path, database: Database, known: str, **settings: str
) -> Iterator[Service]:
    """Run a service in a new directory; stop it at the end."""
    data_dir.mkdir(parents=True)
    if isinstance(database, Sqlite):
        database.copy_into(data_dir)
    port = free_port()
    chosen = {
        "STILLHERE_DATA_DIR": str(data_dir),
        "DATABASE_URL": database.url,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "SERVER_NAME": "bench",
        "PING_LOG_LIMIT": _PING_LOG_LIMIT,
    }
    service = Service(data_dir, port, database, environment(**(chosen | settings)))
    try:
        service.start(known)
        yield service
    finally:
        service.stop()


def get(port: int, path: str, timeout_seconds: float = 10) -> tuple[int, dict[str, str]]:
    """Return status and headers of an answer, on a new connection. OSError when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    except http.client.HTTPException as error:
        raise OSError(f"no answer: {error!r}") from error
    finally:
        connection.close()
