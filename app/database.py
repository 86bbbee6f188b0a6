"""What every process has to know of its database: this is where its trouble is named."""

import sqlite3
from importlib import import_module
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection

from app.postgresql.servers import NoServer, Server

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

# SQLSTATE: it takes no changes (a standby, a primary that is fenced), is going down, has
# crashed, is coming up. Class 08 is the connection's own.
_AWAY = ("25006", "57P01", "57P02", "57P03")
_AWAY_OF_SQLITE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)


def is_away(error: BaseException | None) -> bool:
    """Return True when the database was gone or took no changes, whatever came of it.

    Narrower than DATABASE_TROUBLE: a statement that took too long is somebody's mistake.
    """
    while error is not None:
        if _says_away(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _says_away(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        # The lower byte is the kind, the rest its detail.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _AWAY_OF_SQLITE
    code: str | None = getattr(error, "pgcode", None)
    if code:
        return code in _AWAY or code.startswith("08")
    # Without a code no server has said it: the connection broke, or never came about.
    is_lost = isinstance(error, (_driver.OperationalError, _driver.InterfaceError))
    return isinstance(error, NoServer) or (is_lost and connection.vendor == "postgresql")


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
