"""From DATABASE_URL to Django's settings of a database. Imports no Django."""

from typing import Any

from app import env


def database(dsn: str, answer_seconds: int) -> dict[str, Any]:
    """Return the settings. SettingError for what is no DSN of PostgreSQL's.

    `answer_seconds` is how long the server lets a statement run.
    """
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        parts: dict[str, Any] = parse_dsn(dsn)
    except ProgrammingError:
        # The DSN may hold a password: name the variable, never its value.
        raise env.SettingError(
            "DATABASE_URL cannot be used: it has to be postgresql://user:password@host/name."
        ) from None
    known = {key: parts.pop(key, "") for key in ("dbname", "user", "password", "host", "port")}
    defaults = {"connect_timeout": 5, "keepalives_idle": 5, "tcp_user_timeout": 10_000}
    # A transaction whose client is gone without a word holds its locks until the server
    # notices: by itself after hours.
    limits = {
        "statement_timeout": 1000 * answer_seconds,
        "lock_timeout": 10_000,
        "idle_in_transaction_session_timeout": 1000 * answer_seconds,
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
    }
    return {
        "ENGINE": "app.postgresql",
        "NAME": known.pop("dbname"),
        **{key.upper(): value for key, value in known.items()},
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": "stillhere",
            "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
            **defaults,
            **parts,
        },
    }
