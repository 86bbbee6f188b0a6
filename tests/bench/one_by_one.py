"""The worker that a drain is compared with: a transaction for each ping."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from tests.bench.spent_on_pings import Meter, Spent


def one_by_one(directory: Path, most: int) -> Spent:
    """Do the same in a transaction for each ping: lock, fold, insert, update, commit. PostgreSQL.

    It is not made slow: the driver's own cursor, and statements for one row.
    """
    from django.db import connection

    from app.pings import journal_reader

    draining = draining_of(directory)
    connection.connection.autocommit = False
    end = draining.place
    spent = Meter("one by one")
    with connection.connection.cursor() as cursor:
        while spent.pings < most:
            batch = journal_reader.read(
                directory, draining.identity, end, until=None, most_entries=500
            )
            for entry, _ in batch.entries:
                _apply_row(cursor, entry)
                connection.connection.commit()
            spent.pings += len(batch.entries)
            end = batch.end
        connection.connection.autocommit = True
        return spent.now()


def _apply_row(cursor: Any, entry: Any) -> None:
    from app.checks.models import microseconds
    from app.pings.apply import Applied, folded
    from app.pings.journal import Place
    from app.pings.store import rows

    columns, lines = ", ".join(rows.COLUMNS), ", ".join(rows.PING_COLUMNS)
    load = f"SELECT {columns} FROM checks_check WHERE code = %s FOR UPDATE"  # noqa: S608
    cursor.execute(load, (entry.target.hex(),))
    row = cursor.fetchone()
    rules = _rules()(*row[2 : rows.STATE_START])
    state = rows.state_of(*row[rows.STATE_START : -1])
    loaded = rows.Loaded(row[0], row[1], rules, state, row[-1])
    changed = folded(loaded, [(entry, Place())], Applied())
    marks = ", ".join(["%s"] * len(rows.PING_COLUMNS))
    insert = f"INSERT INTO pings_ping ({lines}) VALUES ({marks})"  # noqa: S608
    (line,) = changed.recorded
    event, at = entry.event, entry.event.received_at
    start = changed.id, line.n, at, line.action.value, event.exit_status, event.rid
    said = event.scheme, event.method, event.remote_addr, event.user_agent
    cursor.execute(insert, (*start, *said, event.body or None))
    new = changed.state
    run = new.last_start_at, new.last_start_rid, microseconds(new.last_duration)
    deadlines = new.status_since, new.due_at, new.down_at, changed.wake_at, changed.id
    cursor.execute(_UPDATE_ROW, (new.status.value, new.n_pings, new.last_ping_at, *run, *deadlines))


@cache
def _rules() -> Any:
    """Return what remembers rules, as the drain does."""
    from app.pings.store.rows import rules_of

    return lru_cache(maxsize=16_384)(rules_of)


_UPDATE_ROW = """
UPDATE checks_check
SET status = %s,
    n_pings = %s,
    last_ping_at = %s,
    last_start_at = %s,
    last_start_rid = %s,
    last_duration_us = %s,
    status_since = %s,
    due_at = %s,
    down_at = %s,
    wake_at = %s
WHERE id = %s
"""


def draining_of(directory: Path) -> Any:
    """Return a journal with the place that the database knows."""
    from app.pings.drain_journals import Draining
    from app.pings.journal import Place, read_identity
    from app.pings.models import Position

    identity = read_identity(directory)
    assert identity is not None
    values = {"journal": identity.journal, "slot": identity.slot}
    position, _ = Position.objects.get_or_create(**values, defaults={"server": "bench"})
    place = Place(position.segment, position.offset)
    return Draining(directory, identity, position.pk, place)
