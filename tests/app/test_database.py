"""Which trouble is the database's, as far as a page is concerned (app/database.py)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, Error, connection

from app.accounts.models import User
from app.database import is_away
from app.postgresql.servers import NoServer

pytestmark = pytest.mark.django_db(transaction=True)
only_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no sessions"
)


def execute(*statements: str) -> Callable[[], None]:
    def act() -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    return act


def make_twice() -> None:
    for _ in range(2):
        User.objects.create_user("a@example.org")


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises((Error, KeyError)) as found:
        act()
    connection.close()
    return found.value


@only_postgresql
@pytest.mark.parametrize(
    "statements",
    [
        ("SET default_transaction_read_only = on", "CREATE TABLE refused (what text)"),
        ("SELECT pg_terminate_backend(pg_backend_pid())",),
        ("DO $$BEGIN RAISE 'gone' USING ERRCODE = '08006'; END$$",),
        ("DO $$BEGIN RAISE 'coming up' USING ERRCODE = '57P03'; END$$",),
    ],
)
def test_a_server_that_is_gone_or_takes_no_changes_is_away(statements: tuple[str, ...]) -> None:
    assert is_away(caught(execute(*statements)))


@only_postgresql
def test_a_connection_that_had_ended_is_away() -> None:
    def act() -> None:
        connection.ensure_connection()
        connection.connection.close()
        User.objects.count()

    assert is_away(caught(act))


@only_postgresql
@pytest.mark.parametrize(
    "statement",
    ["SET statement_timeout = 50; SELECT pg_sleep(60)", "SELECT 1 / 0", "SELECT nonsense"],
)
def test_what_a_statement_has_done_wrong_is_a_mistake(statement: str) -> None:
    assert not is_away(caught(execute(statement)))


def test_what_a_row_has_done_wrong_is_a_mistake() -> None:
    assert not is_away(caught(make_twice))


def test_trouble_is_known_by_whatever_came_of_it() -> None:
    def act() -> None:
        try:
            raise NoServer("none takes writes")
        except DatabaseError:
            raise KeyError("session") from None

    assert is_away(NoServer("none takes writes"))
    assert is_away(caught(act))
    assert not is_away(KeyError("session"))
    assert not is_away(None)
