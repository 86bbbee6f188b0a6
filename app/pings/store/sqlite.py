"""The drain's SQL for SQLite. Values are written as Django's ORM writes them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from app.pings.store.rows import (
    COLUMNS,
    PING_COLUMNS,
    STATE_START,
    Changed,
    Loaded,
    Move,
    flip_values,
    ping_values,
    rules_of,
    state_of,
    written_state,
)

_MOST_VARIABLES = 900  # SQLite's oldest limit is 999

_PINGS = f"""
INSERT INTO pings_ping ({", ".join(PING_COLUMNS)})
VALUES ({", ".join("?" * len(PING_COLUMNS))})
"""  # noqa: S608 - our own column names

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


def load(codes: Sequence[UUID]) -> list[Loaded]:
    """Return the checks of these codes in the order of their ids.

    The transaction is IMMEDIATE, so that nobody else writes meanwhile.
    """
    rows: list[tuple[Any, ...]] = []
    raw = _raw()
    for start in range(0, len(codes), _MOST_VARIABLES):
        some = [code.hex for code in codes[start : start + _MOST_VARIABLES]]
        marks = ", ".join("?" * len(some))
        select = f"SELECT {', '.join(COLUMNS)} FROM checks_check WHERE code IN ({marks})"  # noqa: S608
        rows += raw.execute(select, some).fetchall()
    return sorted(map(_loaded, rows), key=lambda check: check.id)


def write(changed: Sequence[Changed]) -> None:
    """Write the log's new lines, the flips and the states."""
    raw = _raw()
    raw.executemany(
        _UNFLIP,
        [(c.id, _text(f.at), f.new.value) for c in changed for f in c.delete],
    )
    raw.executemany(_PINGS, map(_plain, ping_values(changed)))
    raw.executemany(_FLIP, map(_plain, flip_values(changed)))
    raw.executemany(_CHECK, [(*_plain(written_state(c)), c.id) for c in changed])


def begin(codes: Sequence[UUID]) -> list[Loaded]:
    """Begin a transaction and do what `load` does."""
    with connection.wrap_database_errors:
        _raw().execute("BEGIN IMMEDIATE")
        return load(codes)


def commit(
    move: Move, changed: Sequence[Changed], following: Sequence[UUID] | None = None
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


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_PLAIN.get(type(value), _same)(value) for value in values])


def _same(value: Any) -> Any:
    return value


def _hex(value: UUID) -> str:
    return value.hex


def _text(moment: datetime) -> str:
    # As str() of the naive time, which is what Django writes.
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(" ")[:-6]


_PLAIN: dict[type, Callable[[Any], Any]] = {datetime: _text, UUID: _hex}


def _moment(value: Any) -> datetime | None:
    # Django has taught sqlite3 to parse its columns, without a zone.
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return None if moment is None else moment.replace(tzinfo=UTC)


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
    return Loaded(row[0], UUID(hex=row[1]), rules_of(*row[2:STATE_START]), state, _moment(row[-1]))
