"""Which journal files may a failover still want? (app/pings/flushed.py)."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pings.flushed import Flushed, Marks, log_lengths
from app.pings.journal import Place
from tests.postgresql import Cluster


def place(segment: int, offset: int = 100) -> Place:
    return Place(segment, offset)


def test_a_segment_is_safe_when_what_it_was_drained_by_has_reached_every_standby() -> None:
    marks = Marks()
    marks.note(1_000, {1: place(3), 2: place(8)})
    marks.reach(999)
    assert marks.safe == {}
    marks.reach(1_000)
    assert marks.safe == {1: place(3), 2: place(8)}


def test_only_a_new_segment_is_worth_a_mark() -> None:
    marks = Marks()
    for lsn in range(1_000, 2_000):
        marks.note(lsn, {1: place(3, lsn)})
    assert len(marks.waiting) == 1
    marks.note(2_000, {1: place(4)})
    marks.reach(1_999)
    assert marks.safe == {1: place(3, 1_000)}
    assert len(marks.waiting) == 1


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 3), st.integers(-60, 60)),
        max_size=30,
    )
)
def test_what_is_called_safe_was_committed_before_what_the_standbys_have(
    turns: list[tuple[int, int, int]],
) -> None:
    """Each turn: so much more log, so many segments further, so far the standbys from its end."""
    marks, lsn, segment, committed_at, flushed = Marks(), 0, 1, {1: 0}, 0
    for grown, further, ahead in turns:
        for _ in range(further):
            segment += 1
            committed_at[segment] = lsn + grown
        lsn += grown
        flushed = max(flushed, min(lsn, lsn + ahead))
        marks.note(lsn, {1: place(segment)})
        marks.reach(flushed)
        safe = marks.safe.get(1, Place())
        assert committed_at.get(safe.segment, 0) <= flushed


PLACES = {1: place(5)}


@pytest.mark.django_db(transaction=True)
def test_without_a_standby_what_is_committed_is_safe() -> None:
    assert Flushed().places(PLACES) == PLACES


@pytest.fixture
def cursor(postgresql_cluster: Cluster) -> Iterator[Any]:
    """Ask a cluster of this test's own: slots are the whole cluster's."""
    with closing(psycopg2.connect(postgresql_cluster.url)) as raw, raw.cursor() as cursor:
        raw.autocommit = True
        yield cursor


@contextmanager
def slot(cursor: Any, *, temporary: bool = False, reserve: bool = False) -> Iterator[None]:
    create = "SELECT pg_create_physical_replication_slot('still', %s, %s)"
    cursor.execute(create, [reserve, temporary])
    try:
        yield
    finally:
        cursor.execute("SELECT pg_drop_replication_slot('still')")


def test_a_standby_that_has_never_come_has_nothing(cursor: Any) -> None:
    with slot(cursor):
        written, reached = log_lengths(cursor)
    assert (written > 0, reached) == (True, 0)


def test_a_standby_that_is_disconnected_has_what_it_had(cursor: Any) -> None:
    with slot(cursor, reserve=True):
        before, had = log_lengths(cursor)
        cursor.execute("CREATE TABLE something AS SELECT generate_series(1, 1000)")
        cursor.execute("DROP TABLE something")
        written, reached = log_lengths(cursor)
        assert reached is not None
        assert 0 < reached <= before < written
        assert reached == had
    _, reached = log_lengths(cursor)
    assert reached is None  # the slot is gone: there is no such standby any more


def test_a_copy_that_is_being_made_is_no_standby(cursor: Any) -> None:
    with slot(cursor, temporary=True):
        _, reached = log_lengths(cursor)
    assert reached is None
