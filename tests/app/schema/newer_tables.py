"""A plugin for the tests of an older release that run on the tables of a newer one.

    pytest --reuse-db -p newer_tables      in the older release's tree; it knows nothing of this

A test with transactions of its own empties all tables that its release knows afterwards; one
that it does not know may refer to them.
"""

from typing import Any


def pytest_configure() -> None:
    """Let those be emptied, too."""
    import django.db.models  # noqa: F401 (Django's own order; and settings come first)
    from django.db.backends.postgresql.operations import DatabaseOperations

    sql_flush = DatabaseOperations.sql_flush

    def with_those_that_refer(self: Any, style: Any, tables: Any, **options: Any) -> Any:
        return sql_flush(self, style, tables, **options | {"allow_cascade": True})

    DatabaseOperations.sql_flush = with_those_that_refer  # type: ignore[method-assign]
