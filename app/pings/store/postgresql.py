"""How the drain speaks to PostgreSQL (decision 20).

Statements are prepared once a session, and sent several in a message, with the
driver's own cursor: Django's costs more than it gives here.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import OperationalError, connection
from psycopg2 import Error, errors
from psycopg2.extras import CompositeCaster

from app.checks.models import microseconds
from app.checks.state import Rules
from app.pings.store.rows import Changed, Loaded, Move, rules_of, state_of
from app.pings.store.statement import Statement, binaries, moments, plain, texts, times
from app.pings.store.statements import (
    BEGIN,
    CHECKS,
    FLIPS,
    LOAD,
    PINGED,
    PINGS,
    SESSION,
    SWAP,
    UNFLIP,
)

_Message = list[tuple[str, tuple[object, ...]]]


def prepare() -> None:
    """Set a new session up: outside any transaction, once."""
    prepared = [one.prepare for one in (LOAD, PINGS, PINGED, CHECKS, FLIPS, UNFLIP, SWAP)]
    with connection.cursor() as cursor:
        cursor.execute("; ".join([*SESSION, "DEALLOCATE ALL", *prepared]))


def load(codes: Sequence[bytes]) -> list[Loaded]:
    """Lock the checks of these codes in the order of their ids and return them."""
    with _raw_cursor() as cursor:
        cursor.execute(LOAD.alone, _codes(codes))
        return _loaded(codes, cursor.fetchall())


def write(changed: Sequence[Changed]) -> None:
    """Write the log's new lines, the flips and the states: at most five statements."""
    with _raw_cursor() as cursor:
        for statement, values in _written(changed):
            cursor.execute(statement.alone, values)


def begin(codes: Sequence[bytes]) -> list[Loaded]:
    """Begin a transaction and do what `load` does: one message."""
    message: _Message = [(BEGIN, ()), (LOAD.execute, _codes(codes))]
    with _raw_cursor() as cursor:
        _send(cursor, message)
        return _loaded(codes, cursor.fetchall())


def commit(
    move: Move, changed: Sequence[Changed], following: Sequence[bytes] | None = None
) -> list[Loaded]:
    """Write, move the position and commit; begin with the `following` checks, if any: one message.

    PositionMovedError, and nothing is written, when the position is elsewhere. After
    another error the batch may or may not be committed: the position says it.
    """
    message: _Message = [(each.execute, values) for each, values in _written(changed)]
    message += [(SWAP.execute, _swapped(move)), ("COMMIT", ())]
    if following is not None:
        message += [(BEGIN, ()), (LOAD.execute, _codes(following))]
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


def _codes(codes: Sequence[bytes]) -> tuple[object, ...]:
    return ("{" + ",".join([code.hex() for code in codes]) + "}",)


def _swapped(move: Move) -> tuple[object, ...]:
    at = None if move.applied_before is None else move.applied_before.isoformat()
    old, new = move.old, move.new
    return new.segment, new.offset, at, move.position_id, old.segment, old.offset


def _written(changed: Sequence[Changed]) -> list[tuple[Statement, tuple[object, ...]]]:
    """Return the statements that write, with their values; none for nothing."""
    found: list[tuple[Statement, tuple[object, ...]]] = []
    away = [(check.id, flip) for check in changed for flip in check.delete]
    if away:
        keys = plain([key for key, _ in away]), times(flip.at for _, flip in away)
        found.append((UNFLIP, (*keys, plain([flip.new for _, flip in away]))))
    if changed:
        found.append((PINGS, _ping_arrays(changed)))
    flips = [(check.id, flip) for check in changed for flip in check.insert]
    if flips:
        keys = plain([key for key, _ in flips]), times(flip.at for _, flip in flips)
        old, new = plain([flip.old for _, flip in flips]), plain([flip.new for _, flip in flips])
        found.append((FLIPS, (*keys, old, new, _reasons([flip.reason for _, flip in flips]))))
    if plainly := [check for check in changed if check.is_plain]:
        found.append((PINGED, _pinged_arrays(plainly)))
    if fully := [check for check in changed if not check.is_plain]:
        found.append((CHECKS, _check_arrays(fully)))
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
        moments([event.received_at for event in events]),
        "{" + ",".join([line.action for line in lines]) + "}",
        plain([event.exit_status for event in events]),
        plain([event.rid for event in events]),
        texts([event.scheme for event in events]),
        texts([event.method for event in events]),
        texts([event.remote_addr for event in events]),
        texts([event.user_agent for event in events]),
        binaries([event.body for event in events]),
    )


def _pinged_arrays(changed: Sequence[Changed]) -> tuple[str, ...]:
    states = [check.state for check in changed]
    return (
        plain([check.id for check in changed]),
        plain([state.n_pings for state in states]),
        moments([state.last_ping_at for state in states]),
        moments([state.due_at for state in states]),
        moments([state.down_at for state in states]),
    )


def _check_arrays(changed: Sequence[Changed]) -> tuple[str, ...]:
    states = [check.state for check in changed]
    return (
        plain([check.id for check in changed]),
        "{" + ",".join([state.status for state in states]) + "}",
        plain([state.n_pings for state in states]),
        moments([state.last_ping_at for state in states]),
        moments([state.last_start_at for state in states]),
        plain([state.last_start_rid for state in states]),
        plain([microseconds(state.last_duration) for state in states]),
        moments([state.status_since for state in states]),
        moments([state.due_at for state in states]),
        moments([state.down_at for state in states]),
        moments([check.wake_at for check in changed]),
    )


def _loaded(codes: Sequence[bytes], rows: Sequence[tuple[Any, ...]]) -> list[Loaded]:
    # The session's zone is UTC. This is several times faster than the driver's own.
    at = datetime.fromisoformat
    return [
        Loaded(
            key,
            codes[place - 1],
            _rules(rules),
            state_of(
                status,
                n_pings,
                ping and at(ping),
                start and at(start),
                rid,
                duration,
                since and at(since),
                by_hand and at(by_hand),
                due and at(due),
                down and at(down),
            ),
            wake and at(wake),
        )
        for key, place, rules, status, n_pings, ping, start, rid, duration,
            since, by_hand, due, down, wake in rows
    ]  # fmt: skip


@lru_cache(maxsize=16_384)
def _rules(text: str) -> Rules:
    """Return the rules of a row's text; checks that agree share them."""
    kind, period, grace, *words = CompositeCaster.tokenize(text)  # type: ignore[no-untyped-call]
    schedule, tz, methods, resume, by_body, success, failure, start, default_fail = words
    return rules_of(
        kind,
        int(period),
        int(grace),
        schedule,
        tz,
        methods,
        resume == "t",
        by_body == "t",
        success,
        failure,
        start,
        default_fail == "t",
    )
