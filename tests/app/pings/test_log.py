"""The log of a check: pages by key, bounded searches, honest counts."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from app.checks.models import Check
from app.checks.state import Action
from app.pings import log as log_module
from app.pings.log import Log, Wanted
from app.pings.models import Ping
from tests.app.pages.world import NOW, World, make_ping, make_world

ANY = Wanted()


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    Ping.objects.all().delete()
    Check.objects.update(n_pings=0)
    return made


def fill(check: Check, count: int, first: int = 1, **fields: object) -> Log:
    for n in range(first, first + count):
        make_ping(check, n, **fields)
    check.refresh_from_db()
    return Log(check)


def numbers(rows: object) -> list[int]:
    return [row["n"] for row in rows]  # type: ignore[attr-defined]


def test_pages_follow_each_other_without_gaps(world: World) -> None:
    log = fill(world.check, 120)
    seen, before = [], None
    while True:
        page = log.page(ANY, before)
        seen += numbers(page.rows)
        if page.older is None:
            break
        before = page.older
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize("before", [0, 1, 10**17])
def test_any_number_can_be_asked_for(before: int, world: World) -> None:
    page = fill(world.check, 3).page(ANY, before)
    assert (numbers(page.rows), page.older) == ([3, 2, 1] if before > 3 else [], None)


def test_what_is_wanted_is_said_when_and_with_a_body(world: World) -> None:
    make_ping(world.check, 1, action="fail", body=b"x", received_at=NOW)
    make_ping(world.check, 2, action="fail", received_at=NOW + timedelta(hours=1))
    make_ping(world.check, 3, action="log", body=b"y", received_at=NOW + timedelta(hours=2))
    log = fill(world.check, 0)

    def found(wanted: Wanted) -> list[int]:
        return numbers(log.page(wanted).rows)

    assert found(Wanted(said=(Action.FAIL, Action.LOG))) == [3, 2, 1]
    assert found(Wanted(said=(Action.FAIL,))) == [2, 1]
    assert found(Wanted(with_body=True)) == [3, 1]
    assert found(Wanted(begin=NOW + timedelta(hours=1))) == [3, 2]
    assert found(Wanted(end=NOW + timedelta(hours=1))) == [1]


def test_a_search_looks_at_so_many_numbers_and_says_where_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "MOST_SEARCHED", 20)
    make_ping(world.check, 1, action="fail")
    log = fill(world.check, 49, first=2)
    failed = Wanted(said=(Action.FAIL,))
    page = log.page(failed)
    assert (numbers(page.rows), page.older) == ([], 31)
    page = log.page(failed, 31)
    assert (numbers(page.rows), page.older) == ([], 11)
    page = log.page(failed, 11)
    assert (numbers(page.rows), page.older) == ([1], None)


def test_what_is_kept_is_counted_without_counting(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    log = fill(world.check, 9)
    log.pings.filter(n__lte=4).delete()
    with django_assert_num_queries(1):
        assert (log.oldest, log.kept) == (5, 5)
    log.pings.all().delete()
    assert (Log(world.check).oldest, Log(world.check).kept) == (10, 0)


def test_a_live_page_gets_all_that_came_since(world: World) -> None:
    log = fill(world.check, 9)
    page = log.since(ANY, 5, most=200)
    assert page is not None
    assert numbers(page.rows) == [9, 8, 7, 6, 5]
    assert log.since(ANY, 5, most=4) is None


def test_a_start_before_the_page_gives_its_end_a_duration(world: World) -> None:
    make_ping(world.check, 1, action="start", received_at=NOW)
    log = fill(world.check, 60, first=2, action="log", received_at=NOW + timedelta(seconds=9))
    make_ping(world.check, 62, received_at=NOW + timedelta(seconds=40))
    (run,) = log.runs(13, 62)
    assert (run.start_n, run.end_n, run.duration) == (1, 62, timedelta(seconds=40))
    log.n_pings = 62
    assert log.last_runs(30) == [run]


def test_every_query_rides_on_the_index_of_check_and_number(world: World) -> None:
    log = fill(world.check, 60)
    wanted = Wanted(said=(Action.FAIL,), begin=NOW, end=NOW + timedelta(days=1), with_body=True)
    with CaptureQueriesContext(
        connection,
    ) as ran:
        log.page(wanted, 50)
        log.since(wanted, 3, 200)
        assert log.oldest == 1
        log.last_runs(30)
        log.runs(1, 50)
    assert len(ran) == 5
    if connection.vendor == "postgresql":
        return  # of a small table it reads every row
    for query in ran.captured_queries:
        assert "OFFSET" not in query["sql"]
        assert "COUNT(" not in query["sql"]
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "SEARCH pings_ping USING" in plan
        assert "(check_id=?" in plan
        assert "TEMP B-TREE" not in plan
