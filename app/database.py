"""What every process has to know of its database: this is where its trouble is named."""

from importlib import import_module
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection

from app.postgresql.servers import Server

# The connection broke, a lock or a statement took too long, or the server is a
# standby that takes no writes (SQLSTATE 25006): no row is to blame, so whoever
# works through rows waits and tries again instead of putting one aside.
# Closing a cursor while its rows are read is no statement: Django lets the driver's own
# errors through.
_driver: Any = import_module("psycopg2" if connection.vendor == "postgresql" else "django.db")
DATABASE_TROUBLE = (
    OperationalError,
    InterfaceError,
    InternalError,
    _driver.OperationalError,
    _driver.InterfaceError,
    _driver.InternalError,
)


def as_worker() -> None:
    """Have this thread's connection ask every host, and commit without waiting for a standby.

    For a process that keeps one connection and repeats after a crash what it had not
    written down: the drain, the notifier. Call it before connecting; SQLite needs none of it.
    """
    if connection.vendor == "postgresql":
        wrapper: Any = connection  # app.postgresql.base.DatabaseWrapper
        wrapper.is_worker = True


def as_adopter() -> None:
    """Have this thread's connection take the database that is there, known or not."""
    wrapper: Any = connection
    wrapper.takes_any = True


def server() -> Server | None:
    """Return which server this thread is connected to; None with SQLite, or when it is not."""
    wrapper: Any = connection
    if connection.vendor != "postgresql" or connection.connection is None:
        return None
    found: Server | None = wrapper.server
    return found


def check_primary() -> None:
    """Raise NoServer when there is a later primary than the one a worker is connected to."""
    wrapper: Any = connection
    if connection.vendor == "postgresql":
        wrapper.check_primary()
