"""What libpq's conninfo names, read without a connection."""

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn, parse_dsn

from backups.errors import SettingsError


def database_of(conninfo: str) -> str:
    """Return the name of its database.

    SettingsError when it names none, or has a password: that would be an argument of
    PostgreSQL's programs, which everybody on the host can read.
    """
    try:
        named = parse_dsn(conninfo)
    except ProgrammingError:
        # It may hold a password: it is not quoted.
        words = "source.conninfo is not as libpq wants it: dbname=... host=..."
        raise SettingsError(words) from None
    if "password" in named:
        raise SettingsError("source.conninfo has a password: put it into a passfile.")
    if not named.get("dbname"):
        raise SettingsError("source.conninfo names no database: dbname=...")
    return str(named["dbname"])


def into(conninfo: str, database: str) -> str:
    """Return the same for another database of the server."""
    return str(make_dsn(conninfo, dbname=database))
