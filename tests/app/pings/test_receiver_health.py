"""Both levels of health, on real processes: prompt and accepting (receiver.py, intake.py)."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from django.db import connection

from app.checks.models import Check
from app.pings.intake import PROMPT_SECONDS
from tests.app.pings.rig import PingPath, ping_path
from tests.app.pings.test_ping_path import check, path, pings
from tests.e2e.service import wait_for

__all__ = ["check", "path"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

PROMPT, NOT_PROMPT = (200, "prompt"), (503, "not prompt")
ACCEPTING, NOT_ACCEPTING = (200, "accepting"), (503, "not accepting")


@contextmanager
def database_away() -> Iterator[None]:
    """Keep the drain from its database: it is refused, or finds it locked."""
    if connection.vendor == "sqlite":
        with _locked():
            yield
        return
    name = connection.settings_dict["NAME"]
    beside = {**connection.get_connection_params(), "dbname": "stillhere"}
    with closing(psycopg2.connect(**beside)) as other, other.cursor() as cursor:
        other.autocommit = True
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'stillhere' AND pid <> %s",
            [name, connection.connection.info.backend_pid],
        )
        try:
            yield
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@contextmanager
def _locked() -> Iterator[None]:
    """Hold SQLite's only write lock in another thread, which has a connection of its own."""
    is_locked, over = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(connection.copy()) as other:
            other.ensure_connection()
            other.connection.execute("BEGIN IMMEDIATE")
            is_locked.set()
            over.wait()
            other.connection.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_locked.wait(20)
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.long
def test_with_the_database_away_a_receiver_accepts_and_is_not_prompt(
    path: PingPath, check: Check
) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    assert path.request("/-/prompt") == PROMPT
    with database_away():
        sent = time.monotonic()
        assert path.request(f"/ping/{check.code}") == (200, "OK")
        assert path.request("/-/prompt") == PROMPT
        wait_for(
            lambda: path.request("/-/prompt") == NOT_PROMPT,
            "the ping to be too old", path.log, timeout_seconds=40,
        )  # fmt: skip
        assert time.monotonic() - sent >= PROMPT_SECONDS
        assert path.request("/-/accepting") == ACCEPTING
        assert path.request(f"/ping/{check.code}") == (200, "OK")
    wait_for(
        lambda: path.request("/-/prompt") == PROMPT,
        "the drain to catch up", path.log, timeout_seconds=40,
    )  # fmt: skip
    pings(check, 3)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="no drain takes part")
def test_with_the_journal_full_a_receiver_accepts_nothing_and_says_when_to_come_again(
    transactional_db: None, check: Check
) -> None:
    with ping_path(JOURNAL_LIMIT_BYTES=str(2**20), SEGMENT_BYTES="100000") as path:
        path.start("receiver")
        ping = f"POST /ping/{check.code} HTTP/1.0\r\nContent-Length: 60000\r\n\r\n".encode()
        for _ in range(25):
            answer = path.raw(ping + b"x" * 60_000)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in answer
        assert path.request("/-/accepting") == NOT_ACCEPTING
        assert path.request("/-/prompt") == NOT_PROMPT
