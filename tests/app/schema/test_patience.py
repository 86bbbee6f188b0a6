"""How long statements of migrations wait and run."""

import pytest

from app.schema.patience import patience

SHORT = [
    'ALTER TABLE "a" ADD COLUMN "b" integer NULL',
    'CREATE TABLE "a" ("b" integer)',
    "\n  drop index a",
    'SET CONSTRAINTS "a" IMMEDIATE',
]
WEAK = [
    'CREATE INDEX CONCURRENTLY "i" ON "a" ("b")',
    "drop index concurrently if exists i",
    'ALTER TABLE "a" VALIDATE CONSTRAINT "c"',
]
ROWS = ["UPDATE a SET b = 1", "SELECT 1", "INSERT INTO created VALUES (1)"]


@pytest.mark.parametrize("sql", SHORT)
def test_what_everybody_queues_behind_gives_up_soon(sql: str) -> None:
    assert patience(sql).lock_ms <= 2_000
    assert patience(sql).statement_ms <= 10_000


@pytest.mark.parametrize("sql", WEAK)
def test_what_nobody_queues_behind_may_take_long(sql: str) -> None:
    assert patience(sql).lock_ms >= 60_000
    assert patience(sql).statement_ms >= 600_000


@pytest.mark.parametrize("sql", ROWS)
def test_rows_may_take_long_and_wait_briefly(sql: str) -> None:
    assert patience(sql).lock_ms <= 10_000
    assert patience(sql).statement_ms >= 600_000


def test_statements_of_one_transaction_share_their_patience() -> None:
    waits = [patience(SHORT[0], passed).lock_ms for passed in (0, 1_500, 1_990, 60_000)]
    assert waits == [2_000, 500, 100, 100]
    assert patience(WEAK[0], 60_000) == patience(WEAK[0])
