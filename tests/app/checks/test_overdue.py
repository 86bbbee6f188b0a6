import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.checks import overdue
from app.checks.models import Check, Flip
from app.checks.overdue import judge
from tests.app.alerts.world import SECOND, make_check, make_up, poison

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def status(check: Check) -> str:
    check.refresh_from_db()
    return check.status


def test_a_silent_check_goes_down_at_its_deadline_and_is_dated_there() -> None:
    check = make_up(down_at=NOW - 30 * SECOND)
    judged = judge(NOW, None)
    assert (judged.flipped, judged.is_held, judged.next_at) == (1, False, None)
    assert status(check) == "down"
    assert (check.down_at, check.wake_at) == (None, None)
    flip = Flip.objects.get()
    assert (flip.at, flip.old_status, flip.new_status) == (NOW - 30 * SECOND, "up", "down")
    assert (flip.reason, flip.told_at) == ("timeout", None)


def test_grace_is_half_open() -> None:
    check = make_up(down_at=NOW)
    judge(NOW - timedelta(microseconds=1), None)
    assert status(check) == "up"
    judge(NOW, None)
    assert status(check) == "down"


def test_judging_again_changes_nothing() -> None:
    make_up(down_at=NOW)
    assert judge(NOW, None).flipped == 1
    assert judge(NOW, None).flipped == 0
    assert Flip.objects.count() == 1


def test_a_lagging_receiver_holds_the_check() -> None:
    check = make_up(down_at=NOW - SECOND)
    judged = judge(NOW, applied_before=NOW - 2 * SECOND)
    assert (judged.flipped, judged.is_held) == (0, True)
    assert status(check) == "up"


def test_a_receiver_that_is_up_to_the_deadline_does_not_hold_it() -> None:
    check = make_up(down_at=NOW - SECOND)
    judged = judge(NOW, applied_before=NOW - SECOND)
    assert (judged.flipped, judged.is_held) == (1, False)
    assert status(check) == "down"


def test_a_receiver_ahead_of_our_clock_does_not_make_checks_down_early() -> None:
    check = make_up(down_at=NOW + SECOND)
    assert judge(NOW, applied_before=NOW + 5 * SECOND).flipped == 0
    assert status(check) == "up"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    deadline=st.integers(-5, 5),
    applied=st.none() | st.integers(-5, 5),
    wake_early=st.integers(0, 5),
)
def test_a_check_goes_down_exactly_when_nobody_can_save_it(
    deadline: int, applied: int | None, wake_early: int
) -> None:
    down_at = NOW + deadline * SECOND
    applied_before = None if applied is None else NOW + applied * SECOND
    check = make_up(down_at, wake_at=down_at - wake_early * SECOND)
    judged = judge(NOW, applied_before)
    is_past = down_at <= NOW
    is_sure = applied_before is None or applied_before >= down_at
    assert status(check) == ("down" if is_past and is_sure else "up")
    assert judged.is_held == (is_past and not is_sure)
    if not is_past:
        assert judged.next_at is not None
        assert NOW < judged.next_at <= down_at
        assert check.wake_at is not None
        assert check.wake_at <= down_at
    check.delete()


def test_a_check_that_was_heard_of_is_looked_at_again_at_its_deadline() -> None:
    check = make_up(down_at=NOW + 60 * SECOND, wake_at=NOW - SECOND)
    assert judge(NOW, None).next_at == NOW + 60 * SECOND
    check.refresh_from_db()
    assert check.wake_at == NOW + 60 * SECOND


def test_a_check_without_a_deadline_is_not_looked_at_again() -> None:
    check = make_check(wake_at=NOW - SECOND)
    assert judge(NOW, None).next_at is None
    check.refresh_from_db()
    assert check.wake_at is None


def test_a_check_that_cannot_be_judged_is_put_aside_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sick, well = make_up(down_at=NOW - 2 * SECOND), make_up(down_at=NOW - SECOND)
    poison(sick)
    with caplog.at_level(logging.ERROR):
        judged = judge(NOW, None)
    assert (judged.flipped, judged.is_held) == (1, False)
    assert status(well) == "down"
    known = Check.objects.filter(pk=sick.pk).values_list("status", "wake_at").get()
    assert known == ("up", NOW + timedelta(hours=1))
    (record,) = caplog.records
    assert "put aside" in record.message
    assert record.exc_info is not None
    caplog.clear()
    judge(NOW + timedelta(minutes=59), None)
    assert caplog.records == []
    judge(NOW + timedelta(minutes=61), None)
    assert len(caplog.records) == 1


def test_a_storm_is_judged_in_bounded_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "JUDGED_AT_ONCE", 3)
    for place in range(7):
        make_up(down_at=NOW - place * SECOND)
    parts = [judge(NOW, None) for _ in range(3)]
    assert [part.flipped for part in parts] == [3, 3, 1]
    assert [part.is_more for part in parts] == [True, True, False]


def test_what_is_held_does_not_stand_in_the_way_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "JUDGED_AT_ONCE", 2)
    for _ in range(3):
        make_up(down_at=NOW - SECOND, wake_at=NOW - 60 * SECOND)
    ripe = make_up(down_at=NOW - 10 * SECOND)
    judged = judge(NOW, applied_before=NOW - 5 * SECOND)
    assert (judged.flipped, judged.is_held) == (1, True)
    assert status(ripe) == "down"


def test_a_run_that_overruns_its_grace_takes_a_new_check_down() -> None:
    start = NOW - 61 * SECOND
    check = make_check(last_start_at=start, down_at=NOW - SECOND, wake_at=NOW - SECOND)
    judge(NOW, None)
    assert status(check) == "down"
    assert Flip.objects.get().old_status == "new"


def test_judging_asks_four_questions_when_nothing_is_due() -> None:
    make_up(down_at=NOW + SECOND)
    with CaptureQueriesContext(connection) as queries:
        judge(NOW, None)
    assert len(queries) == 4, [query["sql"] for query in queries]
