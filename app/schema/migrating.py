"""The tables of PostgreSQL are brought to a release's: under a lock, patiently, one by one."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db import Error, connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from app.postgresql import answers
from app.schema.expand_only import Refusal, refusals
from app.schema.patience import changes_a_table, patience

log = logging.getLogger(__name__)

LOCK = 0x5711_1EE7  # the advisory lock of whoever migrates
WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.5
TRIES = 8
LONGEST_PAUSE_SECONDS = 15.0
# Somebody holds a lock, the statement took too long, a deadlock: it may go better later.
_AGAIN = {"55P03", "57014", "40P01"}
_FOUNDING = "stillhere: founding"


class SchemaError(Exception):
    """The tables are not those of the release; says what, which, why and what to do."""


def known() -> set[str]:
    """Return the names of all migrations of this release, applied or not."""
    graph = MigrationExecutor(connection).loader.graph
    return {f"{app}.{name}" for app, name in graph.nodes}


def pending() -> list[Migration]:
    """Return the migrations that the database lacks, in order."""
    executor = MigrationExecutor(connection)
    if conflicts := executor.loader.detect_conflicts():
        named = "; ".join(f"{app}: {', '.join(names)}" for app, names in conflicts.items())
        raise SchemaError(f"Two migrations want to be the last one. Merge them: {named}.")
    executor.loader.check_consistent_history(connection)
    return [one for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def judged(plan: list[Migration], allowed: set[str]) -> list[Refusal]:
    """Return what may not run beside the old release, but for the migrations in `allowed`."""
    loader = MigrationExecutor(connection).loader
    applied = [node for node in loader.applied_migrations if node in loader.graph.nodes]
    state = loader.graph.make_state(applied, real_apps=loader.unmigrated_apps)
    found: list[Refusal] = []
    made = set[tuple[str, str]]()
    for migration in plan:
        found += refusals(migration, state, made)
    return [one for one in found if one.migration not in allowed]


def is_fresh() -> bool:
    """Tell whether the database has no tables, or was left half-founded: nobody uses it yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass('django_migrations'), 'pg_class')")
        (comment,) = cursor.fetchone()
    return comment == _FOUNDING or not connection.introspection.table_names()


def apply(plan: list[Migration], told: Callable[[str], None]) -> None:
    """Apply the migrations one by one; each is tried again when the tables are busy."""
    for migration in plan:
        begin = time.monotonic()
        tries = _apply(migration)
        again = f", {tries} tries" if tries > 1 else ""
        told(f"{name_of(migration)}  {time.monotonic() - begin:.1f} s{again}")
    with connection.execute_wrapper(_Patiently(is_atomic=False)):
        # What follows from them: content types and permissions.
        call_command("migrate", interactive=False, verbosity=0)


def name_of(migration: Migration) -> str:
    """Return accounts.0001_initial."""
    return f"{migration.app_label}.{migration.name}"


@contextlib.contextmanager
def founding() -> Iterator[None]:
    """Remember in the database that its first migrations are under way, until they are done."""
    with transaction.atomic():
        MigrationRecorder(connection).ensure_schema()
        _comment(_FOUNDING)
    yield
    _comment(None)


def _comment(text: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("COMMENT ON TABLE django_migrations IS %s", [text])


@contextlib.contextmanager
def the_lock(told: Callable[[str], None], wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of whoever migrates. SchemaError says who has it after that time."""
    deadline, is_told = time.monotonic() + wait_seconds, False
    while not _ask("SELECT pg_try_advisory_lock(%s)"):
        who = _ask(_WHO) or "somebody who has just let go"
        if time.monotonic() > deadline:
            raise SchemaError(
                f"Somebody else migrates: {who}. Waited {wait_seconds:.0f} s. Let them end, or "
                "end that process, and try again."
            )
        if not is_told:
            told(f"Somebody else migrates: {who}. Waiting for up to {wait_seconds:.0f} s.")
            is_told = True
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        with contextlib.suppress(Error):  # a connection that broke has let go of it
            _ask("SELECT pg_advisory_unlock(%s)")


_WHO = """
SELECT format(
    'process %%s of %%s, since %%s UTC', a.pid, coalesce(host(a.client_addr), 'this server'),
    to_char(a.backend_start AT TIME ZONE 'UTC', 'HH24:MI:SS')
)
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = %s
"""


def _ask(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, [LOCK])
        row = cursor.fetchone()
    return row[0] if row else None


def _apply(migration: Migration) -> int:
    """Apply it; return how many tries that took. SchemaError when there are no more."""
    pause = PAUSE_SECONDS
    for tried in range(1, TRIES + 1):
        try:
            _drop_unfinished(migration)
            with connection.execute_wrapper(_Patiently(migration.atomic)):
                MigrationExecutor(connection).migrate([(migration.app_label, migration.name)])
        except Error as error:
            reason = str(error).strip().partition("\n")[0]
            if getattr(error.__cause__, "pgcode", None) not in _AGAIN:
                left = "left nothing" if migration.atomic else "is begun anew the next time"
                raise SchemaError(
                    f"{name_of(migration)} failed and {left}: {reason}. Mend it, or go back to "
                    "the release before."
                ) from error
            log.warning("migration_waits name=%s reason=%r", name_of(migration), reason)
        else:
            return tried
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    raise SchemaError(
        f"{name_of(migration)} did not get its locks in {TRIES} tries: {reason}. Nothing of it is "
        "left. Look for long transactions (pg_stat_activity) and try again."
    )


def _drop_unfinished(migration: Migration) -> None:
    """Drop an index that was being built concurrently when its migration was cut off.

    It may be whole: then the migration was cut off between building and remembering.
    """
    for operation in migration.operations:
        if type(operation) is AddIndexConcurrently:
            quoted = connection.ops.quote_name(operation.index.name)
            patiently = connection.execute_wrapper(_Patiently(is_atomic=False))
            with patiently, connection.cursor() as cursor:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted}")


class _Patiently:
    """Sets the time-outs of each statement; one for each try of a migration."""

    def __init__(self, is_atomic: bool) -> None:
        self._is_atomic = is_atomic
        self._first: float | None = None

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        passed = 0.0 if self._first is None else (time.monotonic() - self._first) * 1_000
        wanted = patience(str(sql), passed)
        context["cursor"].cursor.execute(
            f"SET lock_timeout = {wanted.lock_ms}; SET statement_timeout = {wanted.statement_ms}"
        )
        with answers.within(wanted.statement_ms / 1_000 + 10):
            done = execute(sql, params, many, context)
        if self._is_atomic and self._first is None and changes_a_table(str(sql)):
            self._first = time.monotonic()
        return done
