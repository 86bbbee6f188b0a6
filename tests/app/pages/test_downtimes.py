"""Months with an uptime, and the last changes, as a page shows them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from app.checks.models import Check, Flip
from app.pages import downtimes
from tests.app.pages.world import NOW, World

HOUR = timedelta(hours=1)


@pytest.fixture
def check(world: World) -> Check:
    world.check.created_at = datetime(2026, 10, 11, tzinfo=UTC)
    world.check.status = "up"
    return world.check


def flip(check: Check, at: datetime, old: str, new: str) -> Flip:
    return Flip.objects.create(check_ref=check, at=at, old_status=old, new_status=new)


def test_three_months_and_nothing_claimed_of_before(check: Check) -> None:
    flip(check, NOW - 3 * HOUR, "up", "down")
    flip(check, NOW - HOUR, "down", "up")
    found = downtimes.months(check, NOW, UTC)
    assert [month.name for month in found] == ["November 2026", "October 2026", "September 2026"]
    assert [month.uptime for month in found] == ["99.59 %", "100 %", ""]
    assert [month.period.count for month in found] == [1, 0, 0]
    assert [month.down for month in found] == ["2 h", "", ""]


def test_a_deadline_that_passed_counts_before_anybody_flips_it(check: Check) -> None:
    check.due_at, check.down_at = NOW - 2 * HOUR, NOW - HOUR
    assert downtimes.months(check, NOW, UTC)[0].down == "1 h"


def test_a_check_that_is_late_is_still_watched(check: Check) -> None:
    check.due_at, check.down_at = NOW - HOUR, NOW + HOUR
    assert downtimes.months(check, NOW, UTC)[0].uptime == "100 %"


def test_months_follow_the_zone(check: Check) -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert downtimes.months(check, late, ZoneInfo("Europe/Riga"))[0].name == "December 2026"
    assert downtimes.months(check, late, UTC)[0].name == "November 2026"


def test_of_a_flapping_check_only_what_was_read_is_said(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downtimes, "MOST_READ", 4)
    for minutes in range(20):
        at = NOW - timedelta(minutes=minutes)
        flip(check, at, *(("up", "down") if minutes % 2 else ("down", "up")))
    found = downtimes.months(check, NOW, UTC)
    assert found[0].period.monitored == timedelta(minutes=3)
    assert [month.uptime for month in found[1:]] == ["", ""]


@pytest.mark.parametrize(
    ("uptime", "said"),
    [(100.0, "100 %"), (99.9999, "99.99 %"), (0.0, "0 %"), (33.333, "33.33 %"), (50.0, "50 %")],
)
def test_an_uptime_is_never_rounded_up(uptime: float, said: str) -> None:
    assert downtimes.percent(uptime) == said


def test_changes_say_how_long_a_status_lasted(
    check: Check, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for hours in range(8):
        flip(check, NOW - hours * HOUR, "up", "down")
    with django_assert_num_queries(1):
        found = downtimes.changes(check)
    assert [change.lasted for change in found] == [None, *["1 h"] * 4]
