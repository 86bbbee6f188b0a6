"""Make checks in an empty database: `python -m tests.bench.ping.fill COUNT`, with DATABASE_URL.

They are as checks are in use: up, pinged within their period, in pages that have been written
before, so that there is room beside each row. Their codes are those of `code`.
"""

import hashlib
import sys
from datetime import timedelta
from uuid import UUID

import django

_MOST_ROWS = 300  # in a statement: SQLite's oldest limit is 999 values


def code(number: int) -> UUID:
    """Return the code of a check by its number, the same in every database."""
    return UUID(bytes=hashlib.sha256(b"%d" % number).digest()[:16], version=4)


def fill(count: int) -> None:
    """Migrate, and make the checks: one by the ORM, the others as copies of its row."""
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0, interactive=False)
    first, columns = _first()
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    is_sqlite = connection.vendor == "sqlite"
    values = [
        (one.hex if is_sqlite else str(one), f"job-{number}")
        for number, one in ((number, code(number)) for number in range(1, count))
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, len(values), _MOST_ROWS):
            some = values[start : start + _MOST_ROWS]
            rows = ", ".join(["(%s, %s)"] * len(some))
            cursor.execute(
                f"WITH v(code, name) AS (VALUES {rows}) "  # noqa: S608 - our own column names
                f"INSERT INTO checks_check (code, name, slug, {quoted}) "
                f"SELECT CAST(v.code AS {'text' if is_sqlite else 'uuid'}), v.name, v.name, "
                f"{quoted} FROM v, checks_check WHERE checks_check.id = %s",
                [*(value for pair in some for value in pair), first],
            )
    _wear_in(connection)


def _first() -> tuple[int, list[str]]:
    """Make the first check; return its id, and the columns that all others have like it."""
    from django.utils import timezone

    from app.accounts.models import Project
    from app.checks.models import Check

    now = timezone.now()
    due = now + timedelta(days=1)
    down = due + timedelta(hours=1)
    first = Check.objects.create(
        project=Project.objects.create(name="Bench"),
        code=code(0),
        name="job-0",
        slug="job-0",
        status="up",
        n_pings=1,
        last_ping_at=now,
        status_since=now,
        due_at=due,
        down_at=down,
        wake_at=down,
    )
    own = {"id", "code", "name", "slug"}
    columns = [field.column for field in Check._meta.concrete_fields]
    return first.pk, [name for name in columns if name and name not in own]


def _wear_in(connection: object) -> None:
    """Write every row again, with room beside it, as months of pings would."""
    with connection.cursor() as cursor:  # type: ignore[attr-defined]
        for _ in range(2):
            cursor.execute("UPDATE checks_check SET n_pings = n_pings")
            cursor.execute("VACUUM ANALYZE" if _is_postgresql(connection) else "PRAGMA optimize")
        if _is_postgresql(connection):
            cursor.execute("CHECKPOINT")
            # The first write of a page behind a checkpoint puts all of it into the WAL.
            cursor.execute("UPDATE checks_check SET n_pings = n_pings")
            cursor.execute("VACUUM checks_check")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_postgresql(connection: object) -> bool:
    return connection.vendor == "postgresql"  # type: ignore[attr-defined, no-any-return]


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[1]))
