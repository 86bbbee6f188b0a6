"""The drain's SQL for PostgreSQL: one statement a table, whatever the batch's size."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from app.pings.store.rows import (
    COLUMNS,
    PING_COLUMNS,
    STATE_START,
    Changed,
    Loaded,
    flip_values,
    ping_values,
    rules_of,
    state_of,
    written_state,
)

# Rides on the unique index of `code`. The order makes two drains lock alike.
_LOAD = f"""
SELECT {", ".join(COLUMNS)}
FROM checks_check
WHERE code = ANY(%s::uuid[])
ORDER BY id
FOR UPDATE
"""  # noqa: S608 - our own column names

_PINGS = f"""
INSERT INTO pings_ping ({", ".join(PING_COLUMNS)})
SELECT *
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], %s::smallint[],
            %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
"""  # noqa: S608

# HOT as long as wake_at, the one indexed column here, stays what it was.
_CHECKS = """
UPDATE checks_check AS c
SET status = v.status,
    n_pings = v.n_pings,
    last_ping_at = v.last_ping_at,
    last_start_at = v.last_start_at,
    last_start_rid = v.last_start_rid,
    last_duration_us = v.last_duration_us,
    status_since = v.status_since,
    due_at = v.due_at,
    down_at = v.down_at,
    wake_at = v.wake_at
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
            %s::uuid[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
            %s::timestamptz[])
     AS v(id, status, n_pings, last_ping_at, last_start_at, last_start_rid, last_duration_us,
          status_since, due_at, down_at, wake_at)
WHERE c.id = v.id
"""

_FLIPS = """
INSERT INTO checks_flip (check_id, at, old_status, new_status, reason)
SELECT *
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""

_UNFLIP = """
DELETE FROM checks_flip AS f
USING unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS v(id, at, new_status)
WHERE f.check_id = v.id
  AND f.at = v.at
  AND f.new_status = v.new_status
  AND f.told_at IS NULL
"""


def prepare() -> None:
    """Let the drain's commits not wait for a standby: the journal has the pings."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO local")


def load(codes: Sequence[UUID]) -> list[Loaded]:
    """Lock the checks of these codes in the order of their ids and return them."""
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, [list(codes)])
        return [
            Loaded(
                row[0],
                row[1],
                rules_of(*row[2:STATE_START]),
                state_of(*row[STATE_START:-1]),
                row[-1],
            )
            for row in cursor.fetchall()
        ]


def write(changed: Sequence[Changed]) -> None:
    """Write the log's new lines, the flips and the states: at most four statements."""
    with connection.cursor() as cursor:
        _execute(cursor, _UNFLIP, [(c.id, f.at, f.new.value) for c in changed for f in c.delete])
        _execute(cursor, _PINGS, list(ping_values(changed)))
        _execute(cursor, _FLIPS, flip_values(changed))
        _execute(cursor, _CHECKS, [(c.id, *written_state(c)) for c in changed])


def _execute(cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
