"""How long a check was down, month by month."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checks.downtime import Change, Spell, between, months, spells

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


def test_an_ongoing_downtime_counts_until_now() -> None:
    known = spells([Change(NOW - HOUR, "up", "down")], "down", NOW - 4 * HOUR, NOW)
    period = between(known, BEGIN, NOW + DAY)
    assert (period.count, period.down, period.monitored) == (1, HOUR, 4 * HOUR)
    assert period.uptime == 75


def test_a_downtime_over_the_edge_of_a_month_is_split() -> None:
    edge = datetime(2026, 11, 1, tzinfo=UTC)
    changes = [Change(edge - 2 * HOUR, "up", "down"), Change(edge + HOUR, "down", "up")]
    known = spells(changes, "up", BEGIN, NOW)
    october, november = between(known, BEGIN, edge), between(known, edge, NOW)
    assert (october.count, october.down) == (1, 2 * HOUR)
    assert (november.count, november.down) == (1, HOUR)


def test_time_that_nobody_watched_counts_for_nothing() -> None:
    changes = [
        Change(NOW - 9 * HOUR, "new", "up"),
        Change(NOW - 7 * HOUR, "up", "paused"),
        Change(NOW - 2 * HOUR, "paused", "down"),
    ]
    period = between(spells(changes, "down", NOW - 10 * DAY, NOW), BEGIN, NOW)
    assert (period.down, period.monitored, period.uptime) == (2 * HOUR, 4 * HOUR, 50)


def test_before_the_check_existed_there_is_no_data() -> None:
    known = spells([], "up", NOW - DAY, NOW)
    assert between(known, BEGIN, NOW - 2 * DAY).uptime is None
    assert between(known, BEGIN, NOW).uptime == 100


@pytest.mark.parametrize("status", ["new", "paused"])
def test_a_check_that_was_never_watched_has_no_data(status: str) -> None:
    assert between(spells([], status, BEGIN, NOW), BEGIN, NOW).uptime is None


def test_the_status_before_the_oldest_flip_is_the_one_it_left() -> None:
    known = spells([Change(NOW - HOUR, "down", "up")], "up", BEGIN, NOW)
    assert known[0] == Spell("down", BEGIN, NOW - HOUR)


def test_flips_that_change_nothing_make_no_second_downtime() -> None:
    changes = [Change(NOW - 3 * HOUR, "up", "down"), Change(NOW - 2 * HOUR, "down", "down")]
    assert between(spells(changes, "down", BEGIN, NOW), BEGIN, NOW).count == 1


def test_months_begin_at_midnight_of_the_zone() -> None:
    found = months(NOW, ZoneInfo("Europe/Riga"))
    assert found[0] == (
        datetime(2026, 10, 31, 22, tzinfo=UTC),
        datetime(2026, 11, 30, 22, tzinfo=UTC),
    )
    assert found[1][0] == datetime(2026, 9, 30, 21, tzinfo=UTC)  # summer time


def test_a_moment_before_midnight_utc_is_in_the_next_month_further_east() -> None:
    late = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    assert months(late, ZoneInfo("Asia/Tokyo"))[0][0] == datetime(2026, 12, 31, 15, tzinfo=UTC)
    assert months(late, UTC)[0][0] == datetime(2026, 12, 1, tzinfo=UTC)


HISTORIES = st.lists(
    st.tuples(st.integers(1, 80 * 24), st.sampled_from(["new", "up", "down", "paused"])),
    max_size=20,
    unique_by=lambda one: one[0],
)


def known_of(history: list[tuple[int, str]]) -> tuple[Spell, ...]:
    """Return the spells of a check that began as new, and changed so many hours after BEGIN."""
    in_order = [(0, "new"), *sorted(history)]
    changes = [
        Change(BEGIN + hours * HOUR, old, new) for (_, old), (hours, new) in pairwise(in_order)
    ]
    return spells(changes, in_order[-1][1], BEGIN, BEGIN + 81 * DAY)


@given(HISTORIES)
def test_spells_follow_each_other_without_gaps(history: list[tuple[int, str]]) -> None:
    known = known_of(history)
    assert (known[0].begin, known[-1].end) == (BEGIN, BEGIN + 81 * DAY)
    for one, following in pairwise(known):
        assert one.end == following.begin
        assert one.status != following.status


@given(HISTORIES, st.integers(0, 81 * 24), st.integers(0, 81 * 24), st.integers(0, 81 * 24))
def test_splitting_a_span_changes_no_sum(
    history: list[tuple[int, str]], one: int, two: int, three: int
) -> None:
    known = known_of(history)
    begin, middle, end = (BEGIN + hours * HOUR for hours in sorted((one, two, three)))
    whole = between(known, begin, end)
    parts = between(known, begin, middle), between(known, middle, end)
    assert whole.down == parts[0].down + parts[1].down
    assert whole.monitored == parts[0].monitored + parts[1].monitored
    assert whole.count <= parts[0].count + parts[1].count <= whole.count + 1


@given(HISTORIES, st.integers(0, 81 * 24), st.integers(0, 81 * 24))
def test_an_uptime_is_a_percentage(history: list[tuple[int, str]], one: int, two: int) -> None:
    begin, end = sorted((BEGIN + one * HOUR, BEGIN + two * HOUR))
    period = between(known_of(history), begin, end)
    assert timedelta() <= period.down <= period.monitored <= end - begin
    assert period.uptime is None or 0 <= period.uptime <= 100
    assert (period.uptime is None) == (not period.monitored)


@given(
    st.integers(-26 * 365, 70 * 365), st.sampled_from(["UTC", "Asia/Tokyo", "America/Sao_Paulo"])
)
def test_months_touch_and_hold_now(days: int, name: str) -> None:
    now = NOW + timedelta(days=days)
    found = months(now, ZoneInfo(name))
    assert len(found) == 3
    assert found[0][0] <= now < found[0][1]
    assert all(later[0] == earlier[1] for later, earlier in pairwise(found))
