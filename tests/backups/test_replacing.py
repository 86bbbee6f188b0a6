"""A database is taken away from an application that does not let go of it."""

import contextlib
import threading
from collections.abc import Iterator

import psycopg2
import pytest

from backups.replacing import replacing
from tests.backups.drilled import ask
from tests.backups.places import conninfo_of
from tests.postgresql import Cluster

CLIENTS = 4


@pytest.fixture
def target(cluster: Cluster, conninfo: str) -> Iterator[str]:
    """Return the conninfo of a database with a table; what has its name goes afterwards."""
    root = conninfo_of(cluster, "postgres")
    name = f"{psycopg2.extensions.parse_dsn(conninfo)['dbname']}_held"
    ask(root, f"CREATE DATABASE {name}")
    ask(conninfo_of(cluster, name), "CREATE TABLE old (n int)")
    yield conninfo_of(cluster, name)
    for (left,) in ask(root, "SELECT datname FROM pg_database"):
        if left.startswith(name):
            ask(root, f'DROP DATABASE "{left}" WITH (FORCE)')


@contextlib.contextmanager
def held(target: str) -> Iterator[list[str]]:
    """Have clients that connect again at once when they are ended; give the errors they met."""
    is_over, met, inside = threading.Event(), list[str](), threading.Barrier(CLIENTS + 1)

    def hold() -> None:
        is_first = True
        while not is_over.is_set():
            try:
                with contextlib.closing(psycopg2.connect(target)) as line, line.cursor() as cursor:
                    if is_first:
                        is_first = False
                        inside.wait(30)
                    while not is_over.wait(0.01):
                        cursor.execute("SELECT 1")
            except psycopg2.Error as error:
                met.append(str(error))

    threads = [threading.Thread(target=hold) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        inside.wait(30)
        yield met
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_an_application_that_connects_again_and_again_does_not_keep_the_name(target: str) -> None:
    with replacing(target) as one:
        before = one.before()
        assert before is not None
        one.make(before)
        ask(one.restoring_conninfo, "CREATE TABLE new (n int)")
        with held(target) as met:
            kept = one.take_name(before, "b1")
        assert met  # they were ended
        assert kept == f"{one.name}_before_b1"
    assert ask(target, "SELECT to_regclass('new') IS NOT NULL") == [(True,)]
