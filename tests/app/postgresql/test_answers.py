"""A server that accepts and never answers is given up; a commit without its standby goes on."""

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from pytest_django.fixtures import Settings

from app.postgresql import answers, base
from tests.postgresql import Cluster
from tests.relay import Relay, Way, running_relay

__all__ = ["base"]  # which has psycopg2 wait our way


@pytest.fixture
def relay(postgresql_cluster: Cluster, settings: Settings) -> Iterator[Relay]:
    settings.DATABASE_ANSWER_SECONDS = settings.STANDBY_ANSWER_SECONDS = 1
    with running_relay(postgresql_cluster.socket) as relay:
        yield relay


def test_an_answer_that_never_comes_is_given_up(relay: Relay) -> None:
    with closing(psycopg2.connect(relay.url)) as raw, raw.cursor() as cursor:
        relay.breaks(b"SELECT 1", Way.MUTED)
        began = time.monotonic()
        with pytest.raises(psycopg2.OperationalError, match="no answer from the database within 2"):
            cursor.execute("SELECT 1")
        assert 1.9 < time.monotonic() - began < 30
        assert raw.closed


def test_a_commit_whose_answer_never_comes_is_given_up(relay: Relay) -> None:
    with closing(psycopg2.connect(relay.url)) as raw, raw.cursor() as cursor:
        cursor.execute("SELECT 1")
        relay.breaks(b"COMMIT", Way.MUTED)
        with pytest.raises(psycopg2.OperationalError, match="no answer"):
            raw.commit()


def test_a_connection_that_is_accepted_and_never_answered_is_given_up(relay: Relay) -> None:
    relay.breaks(b"stillhere", Way.MUTED)  # the first message has the user's name
    with answers.within(0.5), pytest.raises(psycopg2.OperationalError, match=r"within 0\.5 s"):
        psycopg2.connect(relay.url)


def test_what_takes_its_time_within_the_limit_is_waited_for(relay: Relay) -> None:
    with closing(psycopg2.connect(relay.url)) as raw, raw.cursor() as cursor, answers.within(60):
        cursor.execute("SELECT pg_sleep(1.5), 7")  # longer than a commit waits for a standby
        assert cursor.fetchone() == ("", 7)


def test_a_save_does_not_hang_on_a_standby_that_is_not_there(
    postgresql_cluster: Cluster, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    setting = ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    _run(postgresql_cluster, "CREATE TABLE saved (what text)", *setting)
    try:
        with closing(psycopg2.connect(relay.url)) as raw, raw.cursor() as cursor:
            cursor.execute("SHOW synchronous_standby_names")
            assert cursor.fetchone() == ("nobody",)
            cursor.execute("INSERT INTO saved VALUES ('in a transaction')")
            raw.commit()
            raw.autocommit = True
            cursor.execute("INSERT INTO saved VALUES ('alone')")
            cursor.execute("SELECT what FROM saved ORDER BY 1")
            assert cursor.fetchall() == [("alone",), ("in a transaction",)]
    finally:
        undo = "ALTER SYSTEM RESET synchronous_standby_names"
        _run(postgresql_cluster, "SET synchronous_commit = local", undo, "SELECT pg_reload_conf()")
        _run(postgresql_cluster, "DROP TABLE saved")
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 2
    assert "saved without a synchronous standby" in said[0]


def _run(cluster: Cluster, *statements: str) -> None:
    with closing(psycopg2.connect(cluster.url)) as raw, raw.cursor() as cursor:
        raw.autocommit = True
        for statement in statements:
            cursor.execute(statement)
