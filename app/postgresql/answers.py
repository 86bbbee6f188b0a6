"""Wait for a server's answer, and not for ever: psycopg2 calls this at each connect and statement.

Time-outs of TCP and the server's own statement_timeout do not catch a server that
accepts and never answers, nor a proxy that swallows answers, nor a commit that waits
for a synchronous standby which is gone.
"""

import contextlib
import logging
import select
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import psycopg2
from django.conf import settings
from psycopg2 import extensions

log = logging.getLogger(__name__)

_READ, _WRITE = extensions.POLL_READ, extensions.POLL_WRITE
_ASK_SECONDS = 2.0
_ASK_AGAIN_SECONDS = 0.2
# One question at a time: a slow database must not get twice the connections.
_asking = threading.Lock()
_given: ContextVar[float | None] = ContextVar("answer_seconds", default=None)

# A commit that waits for a standby is done and on this server's disk: whoever is
# cancelled there goes on, with a warning. Any other statement would be undone.
_RELEASE = """
SELECT pg_cancel_backend(pid)
FROM pg_stat_activity
WHERE pid = %s
  AND wait_event = 'SyncRep'
"""


def patience() -> float:
    """Return how many seconds an answer may take: somewhat more than the server itself allows."""
    given = _given.get()
    if given is not None:
        return given
    seconds = settings.DATABASE_ANSWER_SECONDS
    return float(seconds + max(1, seconds // 6))


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give each answer in here so many seconds."""
    before = _given.set(seconds)
    try:
        yield
    finally:
        _given.reset(before)


def wait(raw: Any) -> None:
    """Return when the answer is there. Raises OperationalError, and the connection is closed."""
    began = time.monotonic()
    ask_at = float(settings.STANDBY_ANSWER_SECONDS)
    while (state := raw.poll()) != extensions.POLL_OK:
        if state not in (_READ, _WRITE):
            raise psycopg2.OperationalError(f"unexpected state {state} of a connection")
        waited, limit = time.monotonic() - began, patience()
        if waited >= limit:
            raise psycopg2.OperationalError(f"no answer from the database within {limit:g} s")
        if waited >= ask_at:
            ask_at = waited + _ASK_AGAIN_SECONDS
            if _asking.acquire(blocking=False):
                ask_at = limit
                try:
                    _release(raw)
                finally:
                    _asking.release()
        _sleep(raw.fileno(), state, max(min(limit, ask_at) - waited, 0.0))


def _sleep(fileno: int, state: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(fileno, select.POLLIN if state == _READ else select.POLLOUT)
    poll.poll(seconds * 1000 + 1)


def _release(raw: Any) -> None:
    """Let a commit go on that waits for a standby, so that nobody's save hangs."""
    if raw.status == extensions.STATUS_SETUP or not raw.info.backend_pid:
        return  # it is not even connected
    known = {**raw.info.dsn_parameters, "password": raw.info.password or ""}
    known |= {"host": raw.info.host, "port": raw.info.port, "options": ""}
    try:
        with within(_ASK_SECONDS), contextlib.closing(psycopg2.connect(**known)) as other:
            cursor = other.cursor()
            cursor.execute(_RELEASE, [raw.info.backend_pid])
            if cursor.fetchone():
                log.error(
                    "saved without a synchronous standby: none answered within_seconds=%g",
                    settings.STANDBY_ANSWER_SECONDS,
                )
    except psycopg2.Error as error:
        log.warning("cannot ask why a statement takes long reason=%s", " ".join(str(error).split()))
