"""Wake another process at once instead of letting it poll.

A wake-up is a hint and carries nothing: a lost one costs at most the sleeper's
time-out. With PostgreSQL it is LISTEN/NOTIFY and reaches every server of the
fleet; with SQLite it is a datagram to the one process of that name on this
machine.
"""

import contextlib
import select
import socket
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection

NOTIFIER = "notifier"  # there may be something to judge, to tell or to send
DRAIN = "drain"  # the notifier wants to know how far pings are applied


class Sleeper(Protocol):
    """Where a process sleeps until it is woken."""

    def fileno(self) -> int:
        """Return what select() can wait for."""
        ...

    def sleep(self, timeout_seconds: float) -> None:
        """Return when woken, at the latest after the time-out."""
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


def wake(name: str) -> None:
    """Wake the processes of that name. Never raises because nobody listens.

    With PostgreSQL it goes out when the current transaction commits; with SQLite
    at once, so call it after the commit.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [f"stillhere_{name}"])
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(b"!", str(_path(name)))


def sleeper(name: str) -> Sleeper:
    """Return where the one process of that name on this server sleeps."""
    if connection.vendor == "postgresql":
        return _PostgresqlSleeper(name)
    return _SqliteSleeper(name)


def _path(name: str) -> Path:
    return Path(settings.RUN_DIR) / f"{name}.wake"


class _SqliteSleeper:
    def __init__(self, name: str) -> None:
        path = _path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def sleep(self, timeout_seconds: float) -> None:
        select.select([self._socket], [], [], max(timeout_seconds, 0))
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                pass

    def close(self) -> None:
        self._socket.close()


class _PostgresqlSleeper:
    """Listens on the process's own Django connection; use it outside transactions."""

    def __init__(self, name: str) -> None:
        self._channel = f"stillhere_{name}"
        self._listening_on: object = None
        self._listen()

    def _listen(self) -> None:
        connection.ensure_connection()
        if self._listening_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute(f'LISTEN "{self._channel}"')
            self._listening_on = connection.connection

    def fileno(self) -> int:
        self._listen()
        with connection.wrap_database_errors:
            return int(connection.connection.fileno())

    def sleep(self, timeout_seconds: float) -> None:
        self._listen()
        raw = connection.connection
        with connection.wrap_database_errors:  # the driver's own are not what callers expect
            if not raw.notifies:
                select.select([raw], [], [], max(timeout_seconds, 0))
                raw.poll()
        raw.notifies.clear()

    def close(self) -> None:
        self._listening_on = None
