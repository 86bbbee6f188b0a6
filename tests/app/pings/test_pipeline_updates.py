"""What pings cost PostgreSQL's tables: no index is written, no table is read through."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
from django.db import connection

from app.accounts.models import Project
from app.checks.models import Check
from app.pings import pipeline
from app.pings.apply import Applied
from app.pings.batches import Step
from app.pings.frames import Entry
from app.pings.journal import Place
from app.pings.journal_reader import Batch
from app.pings.models import Position
from app.pings.retention import prune_pings
from app.pings.store import store
from tests.app.pings.test_apply import T0, event, position, project

__all__ = ["position", "project"]  # fixtures
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such updates"),
]
CHECKS, IN_BATCH, ROUNDS = 600, 300, 12


def stream(checks: list[Check]) -> Iterator[Step]:
    """Yield the first ping of each check, and then an hour in which any may come."""
    random, start = Random(7), Place()
    for number in range(ROUNDS):
        some = [random.choice(checks) for _ in range(IN_BATCH)] if number else checks
        minutes = sorted(random.uniform(number * 5, number * 5 + 5) for _ in some)
        entries = [Entry(one.code.bytes, event(at)) for one, at in zip(some, minutes, strict=True)]
        placed = [(entry, Place(1, start.offset + 50 * n)) for n, entry in enumerate(entries, 1)]
        batch = Batch(start, placed[-1][1], placed)
        yield Step(batch, T0 + timedelta(minutes=minutes[-1]), number == ROUNDS - 1)
        start = batch.end


def never(_step: Step) -> Applied:
    raise AssertionError("this batch is plain")


def counted(table: str) -> dict[str, int]:
    """Return PostgreSQL's counters of a table, of this moment."""
    columns = "n_tup_upd", "n_tup_hot_upd", "seq_scan", "n_tup_ins", "n_tup_del"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM pg_stat_user_tables WHERE relname = %s",  # noqa: S608
            [table],
        )
        return dict(zip(columns, cursor.fetchone(), strict=True))


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in before}


def test_pings_are_hot_updates_and_read_no_table_through(
    project: Project, position: Position
) -> None:
    checks = Check.objects.bulk_create(
        Check(project=project, slug=f"c{n}", period_seconds=86_400) for n in range(CHECKS)
    )
    store().prepare()
    tables = "checks_check", "pings_position", "pings_ping", "checks_flip"
    first = stream(checks)
    pipeline.apply_all(position.pk, iter([next(first)]), store(), never)
    steps = list(first)
    before = {table: counted(table) for table in tables}
    while steps:
        run = pipeline.apply_all(position.pk, iter(steps), store(), never)
        assert run.last is not None
        steps = steps[steps.index(run.last) + 1 :]
    spent = {table: difference(before[table], counted(table)) for table in tables}
    assert {table: spent[table]["seq_scan"] for table in tables} == dict.fromkeys(tables, 0)
    assert spent["pings_ping"]["n_tup_ins"] == IN_BATCH * (ROUNDS - 1)
    for table in ("checks_check", "pings_position"):
        assert spent[table]["n_tup_upd"] > 0
        assert spent[table]["n_tup_hot_upd"] / spent[table]["n_tup_upd"] > 0.95, spent[table]


def test_a_log_is_cut_without_reading_the_table_through(
    project: Project, position: Position
) -> None:
    check, other = Check.objects.bulk_create(Check(project=project, slug=s) for s in "ab")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pings_ping (check_id, n, received_at, action, scheme, method,"
            " remote_addr, user_agent) SELECT id, n, %s, 'success', 'http', 'GET', '', ''"
            " FROM unnest(%s) AS id, generate_series(1, 5000) AS n",
            [T0, [check.pk, other.pk]],
        )
    before, reached = counted("pings_ping"), 0
    while reached < 4_500:
        reached = prune_pings(check.pk, 4_500, reached)
    spent = difference(before, counted("pings_ping"))
    assert (spent["seq_scan"], spent["n_tup_del"]) == (0, 4_500)
    assert (check.pings.count(), other.pings.count()) == (500, 5_000)
