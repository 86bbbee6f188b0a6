"""The drain's SQL for PostgreSQL: one statement a table, whatever the batch's size.

Its statements are prepared once a session and sent in one message each way (see
decision 20): with the driver's own cursor, because Django's costs more than it gives here.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection
from psycopg2 import Error, errors

from app.checks.models import microseconds
from app.pings.store.rows import (
    COLUMNS,
    PING_COLUMNS,
    STATE_START,
    Changed,
    Loaded,
    Move,
    rules_of,
    state_of,
)
from app.pings.store.statement import Statement, binaries, plain, texts, times

_TIMES = {
    "last_ping_at",
    "last_start_at",
    "status_since",
    "changed_by_hand_at",
    "due_at",
    "down_at",
    "wake_at",
}
# As text, whatever their length: a longer one of the next release changes no plan.
_TEXTS = {"kind", "schedule", "tz", "methods", "success_kw", "failure_kw", "start_kw", "status"}
_SELECTED = ", ".join(
    f"c.{name}::text" if name in _TIMES | _TEXTS else f"c.{name}" for name in COLUMNS[2:]
)

# Rides on the unique index of `code`. The order makes two drains lock alike.
_LOAD = Statement(
    "stillhere_load",
    ("uuid[]",),
    f"""
SELECT c.id, v.place, {_SELECTED}
FROM unnest($1) WITH ORDINALITY AS v(code, place)
JOIN checks_check AS c ON c.code = v.code
ORDER BY c.id
FOR UPDATE OF c
""",  # noqa: S608 - our own column names
)

_PING_TYPES = ("bigint[]", "bigint[]", "timestamptz[]", "text[]", "smallint[]", "uuid[]",
               "text[]", "text[]", "text[]", "text[]", "bytea[]")  # fmt: skip
_PINGS = Statement(
    "stillhere_pings",
    _PING_TYPES,
    f"""
INSERT INTO pings_ping ({", ".join(PING_COLUMNS)})
SELECT *
FROM unnest({", ".join(f"${n}" for n in range(1, len(_PING_TYPES) + 1))})
""",  # noqa: S608
)

# HOT as long as wake_at, the one indexed column here, stays what it was.
_CHECKS = Statement(
    "stillhere_checks",
    ("bigint[]", "text[]", "bigint[]", "timestamptz[]", "timestamptz[]", "uuid[]", "bigint[]",
     "timestamptz[]", "timestamptz[]", "timestamptz[]", "timestamptz[]"),
    """
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
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     AS v(id, status, n_pings, last_ping_at, last_start_at, last_start_rid, last_duration_us,
          status_since, due_at, down_at, wake_at)
WHERE c.id = v.id
""",
)  # fmt: skip

_FLIPS = Statement(
    "stillhere_flips",
    ("bigint[]", "timestamptz[]", "text[]", "text[]", "text[]"),
    """
INSERT INTO checks_flip (check_id, at, old_status, new_status, reason)
SELECT *
FROM unnest($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
""",
)

_UNFLIP = Statement(
    "stillhere_unflip",
    ("bigint[]", "timestamptz[]", "text[]"),
    """
DELETE FROM checks_flip AS f
USING unnest($1, $2, $3) AS v(id, at, new_status)
WHERE f.check_id = v.id
  AND f.at = v.at
  AND f.new_status = v.new_status
  AND f.told_at IS NULL
""",
)

# No row moved is an error, so that nothing of the message's rest is done. `new > old`
# in place of the expected old place would apply a batch twice whose first drain was
# killed while its session was still at work.
_SWAP = Statement(
    "stillhere_swap",
    ("bigint", "bigint", "timestamptz", "bigint", "bigint", "bigint"),
    """
WITH moved AS (
    UPDATE pings_position
    SET segment = $1,
        "offset" = $2,
        applied_before = COALESCE($3, applied_before)
    WHERE id = $4
      AND segment = $5
      AND "offset" = $6
    RETURNING 1
)
SELECT 1 / count(*)
FROM moved
""",
)

# Look-ups by index whatever the statistics say: those of a young table say too little,
# and a plan that reads a whole table would make a ping dearer with every check.
_BEGIN = """
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off
"""
_SESSION = (
    # The drain's commits do not wait for a standby: the journal has the pings.
    "SET synchronous_commit TO local",
    "SET plan_cache_mode TO force_generic_plan",
)
_Message = list[tuple[str, tuple[object, ...]]]


def prepare() -> None:
    """Set a new session up: outside any transaction, once."""
    prepared = [one.prepare for one in (_LOAD, _PINGS, _CHECKS, _FLIPS, _UNFLIP, _SWAP)]
    with connection.cursor() as cursor:
        cursor.execute("; ".join([*_SESSION, "DEALLOCATE ALL", *prepared]))


def load(codes: Sequence[UUID]) -> list[Loaded]:
    """Lock the checks of these codes in the order of their ids and return them."""
    with _raw_cursor() as cursor:
        cursor.execute(_LOAD.alone, (plain(code.hex for code in codes),))
        return _loaded(codes, cursor.fetchall())


def write(changed: Sequence[Changed]) -> None:
    """Write the log's new lines, the flips and the states: at most four statements."""
    with _raw_cursor() as cursor:
        for statement, values in _written(changed):
            cursor.execute(statement.alone, values)


def begin(codes: Sequence[UUID]) -> list[Loaded]:
    """Begin a transaction and do what `load` does: one message."""
    message: _Message = [(_BEGIN, ()), (_LOAD.execute, _codes(codes))]
    with _raw_cursor() as cursor:
        _send(cursor, message)
        return _loaded(codes, cursor.fetchall())


def commit(
    move: Move, changed: Sequence[Changed], following: Sequence[UUID] | None = None
) -> list[Loaded]:
    """Write, move the position and commit; begin with the `following` checks, if any: one message.

    PositionMovedError, and nothing is written, when the position is elsewhere. After
    another error the batch may or may not be committed: the position says it.
    """
    message: _Message = [(each.execute, values) for each, values in _written(changed)]
    message += [(_SWAP.execute, _swapped(move)), ("COMMIT", ())]
    if following is not None:
        message += [(_BEGIN, ()), (_LOAD.execute, _codes(following))]
    with _raw_cursor() as cursor:
        try:
            _send(cursor, message)
        except errors.DivisionByZero:
            raise move.refused() from None
        return [] if following is None else _loaded(following, cursor.fetchall())


def abandon() -> None:
    """Roll back what `begin` or `commit` left open; no error when the session is gone."""
    with contextlib.suppress(Error), connection.connection.cursor() as cursor:
        cursor.execute("ROLLBACK")


@contextlib.contextmanager
def _raw_cursor() -> Iterator[Any]:
    """Give the driver's own cursor. Its errors become Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        try:
            with connection.connection.cursor() as cursor:
                yield cursor
        except (errors.FeatureNotSupported, errors.InvalidSqlStatementName) as error:
            # The tables have changed under a prepared statement, or it is not there any
            # more: no ping is to blame, and a new session prepares anew.
            raise OperationalError(str(error)) from error


def _send(cursor: Any, message: _Message) -> None:
    """Send statements at once; the cursor has the result of the last one."""
    statements = ";\n".join([statement for statement, _ in message])
    cursor.execute(statements, [value for _, values in message for value in values] or None)


def _codes(codes: Sequence[UUID]) -> tuple[object, ...]:
    return (plain([code.hex for code in codes]),)


def _swapped(move: Move) -> tuple[object, ...]:
    at = None if move.applied_before is None else move.applied_before.isoformat()
    old, new = move.old, move.new
    return new.segment, new.offset, at, move.position_id, old.segment, old.offset


def _written(changed: Sequence[Changed]) -> list[tuple[Statement, tuple[object, ...]]]:
    """Return the statements that write, with their values; none for nothing."""
    found: list[tuple[Statement, tuple[object, ...]]] = []
    away = [(check.id, flip) for check in changed for flip in check.delete]
    if away:
        keys = plain(key for key, _ in away), times(flip.at for _, flip in away)
        found.append((_UNFLIP, (*keys, plain(flip.new for _, flip in away))))
    if changed:
        found.append((_PINGS, _ping_arrays(changed)))
    flips = [(check.id, flip) for check in changed for flip in check.insert]
    if flips:
        keys = plain(key for key, _ in flips), times(flip.at for _, flip in flips)
        old, new = plain(flip.old for _, flip in flips), plain(flip.new for _, flip in flips)
        found.append((_FLIPS, (*keys, old, new, _reasons([flip.reason for _, flip in flips]))))
    if changed:
        found.append((_CHECKS, _check_arrays(changed)))
    return found


def _reasons(reasons: Sequence[str]) -> str:
    return texts(str(reason) for reason in reasons)


def _ping_arrays(changed: Sequence[Changed]) -> tuple[str, ...]:
    """Return the arrays of PING_COLUMNS."""
    lines = [line for check in changed for line in check.recorded]
    events = [line.event for line in lines]
    return (
        plain([check.id for check in changed for _ in check.recorded]),
        plain([line.n for line in lines]),
        times([event.received_at for event in events]),
        "{" + ",".join([line.action for line in lines]) + "}",
        plain([event.exit_status for event in events]),
        plain([event.rid for event in events]),
        texts([event.scheme for event in events]),
        texts([event.method for event in events]),
        texts([event.remote_addr for event in events]),
        texts([event.user_agent for event in events]),
        binaries([event.body for event in events]),
    )


def _check_arrays(changed: Sequence[Changed]) -> tuple[str, ...]:
    states = [check.state for check in changed]
    return (
        plain([check.id for check in changed]),
        "{" + ",".join([state.status for state in states]) + "}",
        plain([state.n_pings for state in states]),
        times([state.last_ping_at for state in states]),
        times([state.last_start_at for state in states]),
        plain([state.last_start_rid for state in states]),
        plain([microseconds(state.last_duration) for state in states]),
        times([state.status_since for state in states]),
        times([state.due_at for state in states]),
        times([state.down_at for state in states]),
        times([check.wake_at for check in changed]),
    )


def _loaded(codes: Sequence[UUID], rows: Sequence[tuple[Any, ...]]) -> list[Loaded]:
    return [
        Loaded(
            row[0], codes[row[1] - 1], rules_of(*row[2:STATE_START]), _state(row), _time(row[-1])
        )
        for row in rows
    ]


def _state(row: tuple[Any, ...]) -> Any:
    status, n_pings, last_ping, last_start, rid, duration, *moments = row[STATE_START:-1]
    return state_of(
        status, n_pings, _time(last_ping), _time(last_start), rid, duration, *map(_time, moments)
    )


def _time(text: str | None) -> datetime | None:
    # The session's zone is UTC. This is several times faster than the driver's own.
    return None if text is None else datetime.fromisoformat(text)
