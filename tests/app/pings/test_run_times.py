"""How long runs took: which start an end belongs to."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checks.state import LONGEST_RUN, Action
from app.pings.run_times import CONCLUSIVE, Line, runs

T0 = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RIDS = (None, UUID(int=1), UUID(int=2))
A, B = RIDS[1:]


def log(*said: tuple[str, int, UUID | None]) -> list[Line]:
    """Return lines of (what, seconds after T0, run id), numbered from 1."""
    return [
        Line(n, T0 + timedelta(seconds=at), what, rid) for n, (what, at, rid) in enumerate(said, 1)
    ]


def pairs(*said: tuple[str, int, UUID | None]) -> list[tuple[int, int, float]]:
    return [(run.start_n, run.end_n, run.duration.total_seconds()) for run in runs(log(*said))]


def test_a_success_or_a_failure_ends_the_run_before_it() -> None:
    assert pairs(("start", 0, None), ("success", 40, None)) == [(1, 2, 40)]
    assert pairs(("start", 0, None), ("fail", 3, None)) == [(1, 2, 3)]
    (failed,) = runs(log(("start", 0, None), ("fail", 3, None)))
    assert failed.is_failed


def test_run_ids_keep_overlapping_runs_apart() -> None:
    overlapping = (("start", 0, A), ("start", 5, B), ("success", 10, A), ("success", 20, B))
    assert pairs(*overlapping) == [(1, 3, 10), (2, 4, 15)]


def test_an_end_of_another_run_id_ends_nothing() -> None:
    assert pairs(("start", 0, A), ("success", 10, B), ("success", 20, None)) == []
    assert pairs(("start", 0, None), ("fail", 10, A), ("success", 20, None)) == [(1, 3, 20)]


def test_the_newest_of_two_starts_is_the_one_that_ended() -> None:
    assert pairs(("start", 0, A), ("start", 60, A), ("success", 70, A)) == [(2, 3, 10)]


def test_a_run_ends_once() -> None:
    assert pairs(("start", 0, None), ("fail", 5, None), ("success", 9, None)) == [(1, 2, 5)]


@pytest.mark.parametrize("between", ["log", "ign"])
def test_what_says_nothing_of_the_run_does_not_end_it(between: str) -> None:
    assert pairs(("start", 0, None), (between, 5, None), ("success", 9, None)) == [(1, 3, 9)]


def test_a_run_is_shorter_than_72_hours() -> None:
    longest = int(LONGEST_RUN.total_seconds())
    assert pairs(("start", 0, None), ("success", longest, None)) == []
    assert pairs(("start", 0, None), ("success", longest - 1, None)) == [(1, 2, longest - 1)]


def test_a_start_that_was_delivered_late_still_belongs_to_its_end() -> None:
    assert pairs(("success", 40, None), ("start", 0, None)) == [(2, 1, 40)]


LOGS = st.lists(
    st.tuples(
        st.sampled_from([one.value for one in Action]),
        st.integers(0, 400_000),
        st.sampled_from(RIDS),
    ),
    max_size=40,
).map(lambda said: log(*said))


@given(LOGS)
def test_every_run_is_a_start_and_an_end_of_one_id_with_nothing_between(lines: list[Line]) -> None:
    by_n = {line.n: line for line in lines}
    for run in runs(lines):
        start, end = by_n[run.start_n], by_n[run.end_n]
        assert (start.action, start.rid) == (Action.START, end.rid)
        assert end.action in CONCLUSIVE
        assert timedelta(0) <= run.duration < LONGEST_RUN
        between = [
            line
            for line in lines
            if (start.received_at, start.n) < (line.received_at, line.n) < (end.received_at, end.n)
        ]
        told = {*CONCLUSIVE, Action.START}
        assert not [line for line in between if line.rid == start.rid and line.action in told]


@given(LOGS, st.integers(0, 40))
def test_a_cut_log_hides_runs_and_makes_up_none(lines: list[Line], cut: int) -> None:
    in_time = sorted(lines, key=lambda line: (line.received_at, line.n))
    assert set(runs(in_time[cut:])) <= set(runs(in_time))


@given(LOGS, st.randoms(use_true_random=False))
def test_the_order_of_delivery_does_not_matter(lines: list[Line], random: object) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert runs(shuffled) == runs(lines)


@given(LOGS)
def test_no_ping_is_in_two_runs(lines: list[Line]) -> None:
    used = [n for run in runs(lines) for n in (run.start_n, run.end_n)]
    assert len(used) == len(set(used))
