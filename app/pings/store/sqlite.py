"""The drain's SQL for SQLite. Values are written as Django's ORM writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from app.checks.models import microseconds
from app.checks.state import Recorded
from app.pings.store.rows import (
    COLUMNS,
    PING_COLUMNS,
    STATE_START,
    TIME_COLUMNS,
    Changed,
    Loaded,
    Move,
    flip_values,
    rules_of,
    state_of,
)

_rules = lru_cache(maxsize=16_384)(rules_of)
_MOST_VARIABLES = 900  # SQLite's oldest limit is 999

# As text: Django has taught sqlite3 to parse columns of this type, more slowly than we do.
_SELECTED = ", ".join(f"{name} || ''" if name in TIME_COLUMNS else name for name in COLUMNS)

_PINGS = f"""
INSERT INTO pings_ping ({", ".join(PING_COLUMNS)})
VALUES ({", ".join("?" * len(PING_COLUMNS))})
"""  # noqa: S608 - our own column names

_PINGED = """
UPDATE checks_check
SET n_pings = ?,
    last_ping_at = ?,
    due_at = ?,
    down_at = ?
WHERE id = ?
"""

_CHECK = """
UPDATE checks_check
SET status = ?,
    n_pings = ?,
    last_ping_at = ?,
    last_start_at = ?,
    last_start_rid = ?,
    last_duration_us = ?,
    status_since = ?,
    due_at = ?,
    down_at = ?,
    wake_at = ?
WHERE id = ?
"""

_FLIP = """
INSERT OR IGNORE INTO checks_flip (check_id, at, old_status, new_status, reason)
VALUES (?, ?, ?, ?, ?)
"""

_UNFLIP = """
DELETE FROM checks_flip
WHERE check_id = ?
  AND at = ?
  AND new_status = ?
  AND told_at IS NULL
"""

_SWAP = """
UPDATE pings_position
SET segment = ?,
    "offset" = ?,
    applied_before = COALESCE(?, applied_before)
WHERE id = ?
  AND segment = ?
  AND "offset" = ?
"""


def prepare() -> None:
    """Let the drain's commits not wait for the disk: the journal has the pings.

    A power cut may undo the last batches and their position with them; they are
    applied again from the segments, which are kept until a checkpoint is on disk.
    """
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")


def load(codes: Sequence[bytes]) -> list[Loaded]:
    """Return the checks of these codes in the order of their ids.

    The transaction is IMMEDIATE, so that nobody else writes meanwhile.
    """
    rows: list[tuple[Any, ...]] = []
    raw = _raw()
    for start in range(0, len(codes), _MOST_VARIABLES):
        some = [code.hex() for code in codes[start : start + _MOST_VARIABLES]]
        marks = ", ".join("?" * len(some))
        select = f"SELECT {_SELECTED} FROM checks_check WHERE code IN ({marks})"  # noqa: S608
        rows += raw.execute(select, some).fetchall()
    return sorted(map(_loaded, rows), key=lambda check: check.id)


def write(changed: Sequence[Changed]) -> None:
    """Write the log's new lines, the flips and the states."""
    raw = _raw()
    away = [(c.id, _text(f.at), f.new.value) for c in changed for f in c.delete]
    if away:
        raw.executemany(_UNFLIP, away)
    raw.executemany(_PINGS, [_line(c.id, line) for c in changed for line in c.recorded])
    flips = [(key, _text(at), *words) for key, at, *words in flip_values(changed)]
    if flips:
        raw.executemany(_FLIP, flips)
    raw.executemany(_PINGED, [_pinged(check) for check in changed if check.is_plain])
    raw.executemany(_CHECK, [_state(check) for check in changed if not check.is_plain])


def _line(check_id: int, line: Recorded) -> tuple[Any, ...]:
    """Return the values of PING_COLUMNS."""
    event = line.event
    return (
        check_id,
        line.n,
        _text(event.received_at),
        line.action.value,
        event.exit_status,
        event.rid.hex if event.rid else None,
        event.scheme,
        event.method,
        event.remote_addr,
        event.user_agent.replace("\0", "\ufffd"),  # as in PostgreSQL
        event.body or None,
    )


def _pinged(check: Changed) -> tuple[Any, ...]:
    state = check.state
    return (
        state.n_pings,
        state.last_ping_at and _text(state.last_ping_at),
        state.due_at and _text(state.due_at),
        state.down_at and _text(state.down_at),
        check.id,
    )


def _state(check: Changed) -> tuple[Any, ...]:
    state = check.state
    return (
        state.status.value,
        state.n_pings,
        state.last_ping_at and _text(state.last_ping_at),
        state.last_start_at and _text(state.last_start_at),
        state.last_start_rid and state.last_start_rid.hex,
        microseconds(state.last_duration),
        state.status_since and _text(state.status_since),
        state.due_at and _text(state.due_at),
        state.down_at and _text(state.down_at),
        check.wake_at and _text(check.wake_at),
        check.id,
    )


def begin(codes: Sequence[bytes]) -> list[Loaded]:
    """Begin a transaction and do what `load` does."""
    with connection.wrap_database_errors:
        _raw().execute("BEGIN IMMEDIATE")
        return load(codes)


def commit(
    move: Move, changed: Sequence[Changed], following: Sequence[bytes] | None = None
) -> list[Loaded]:
    """Write, move the position and commit; begin with the `following` checks, if any.

    PositionMovedError, and nothing is written, when the position is elsewhere.
    """
    old, new = move.old, move.new
    at = None if move.applied_before is None else _text(move.applied_before)
    with connection.wrap_database_errors:
        raw = _raw()
        swapped = (new.segment, new.offset, at, move.position_id, old.segment, old.offset)
        if raw.execute(_SWAP, swapped).rowcount != 1:
            raise move.refused()
        write(changed)
        raw.execute("COMMIT")
    return [] if following is None else begin(following)


def abandon() -> None:
    """Roll back what `begin` or `commit` left open."""
    raw = _raw()
    if raw.in_transaction:
        raw.execute("ROLLBACK")


def _raw() -> Any:
    """Return sqlite3's own connection: Django's cursor copies every parameter."""
    connection.ensure_connection()
    return connection.connection


def _text(moment: datetime) -> str:
    # As str() of the naive time, which is what Django writes.
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(" ")[:-6]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


def _loaded(row: tuple[Any, ...]) -> Loaded:
    status, n_pings, last_ping, last_start, rid, duration, *times = row[STATE_START:-1]
    state = state_of(
        status,
        n_pings,
        _moment(last_ping),
        _moment(last_start),
        UUID(hex=rid) if rid else None,
        duration,
        *map(_moment, times),
    )
    return Loaded(
        row[0], bytes.fromhex(row[1]), _rules(*row[2:STATE_START]), state, _moment(row[-1])
    )
