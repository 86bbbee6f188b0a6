"""What a ping means for a check (app/checks/state.py)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.checks.schedule import Kind, Schedule
from app.checks.state import (
    Action,
    Event,
    Reason,
    Rules,
    Shown,
    State,
    Status,
    StatusFlip,
    fold,
    meaning,
    pause,
    resume,
    shown,
    silence,
)

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = Rules(Schedule(Kind.SIMPLE, 600, "", "UTC"), grace=5 * MINUTE)
R1, R2 = UUID(int=1), UUID(int=2)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def ping(
    minutes: float,
    action: Action = Action.SUCCESS,
    rid: UUID | None = None,
    exit_status: int | None = None,
    method: str = "GET",
    body: bytes = b"",
) -> Event:
    return Event(at(minutes), action, exit_status=exit_status, rid=rid, method=method, body=body)


def after(*events: Event, rules: Rules = RULES, state: State | None = None) -> State:
    return fold(rules, state or State(), events).state


def flips(*events: Event, rules: Rules = RULES) -> list[tuple[float, str, str, str]]:
    folded = fold(rules, State(), events)
    return [
        ((flip.at - T0) / MINUTE, flip.old.value, flip.new.value, flip.reason.value)
        for flip in folded.flips
    ]


def test_the_first_success_brings_a_new_check_up() -> None:
    state = after(ping(0))
    assert state.status is Status.UP
    assert (state.last_ping_at, state.due_at, state.down_at) == (at(0), at(10), at(15))
    assert flips(ping(0)) == [(0, "new", "up", "")]


def test_a_ping_just_before_the_deadline_keeps_the_check_up() -> None:
    just_before = ping(15 - 1e-6)
    assert flips(ping(0), just_before) == [(0, "new", "up", "")]


def test_grace_is_half_open_so_at_exactly_the_deadline_the_check_is_down() -> None:
    assert flips(ping(0), ping(15)) == [
        (0, "new", "up", ""),
        (15, "up", "down", "timeout"),
        (15 + 1 / 60_000_000, "down", "up", ""),
    ]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, Shown.UP),
        (9.99, Shown.UP),
        (10, Shown.LATE),
        (14.99, Shown.LATE),
        (15, Shown.DOWN),
        (99, Shown.DOWN),
    ],
)
def test_a_silent_check_is_shown_up_then_late_then_down(minutes: float, expected: Shown) -> None:
    assert shown(after(ping(0)), at(minutes)) is expected


def test_silence_is_dated_at_the_deadline_and_not_at_its_detection() -> None:
    state, found = silence(after(ping(0)), at(60))
    assert found == [StatusFlip(at(15), Status.UP, Status.DOWN, Reason.TIMEOUT)]
    assert (state.status, state.status_since) == (Status.DOWN, at(15))
    assert silence(state, at(90)) == (state, [])


def test_a_failure_brings_a_check_down_at_once_and_it_has_no_deadline() -> None:
    state = after(ping(0), ping(1, Action.FAIL))
    assert (state.status, state.due_at, state.down_at) == (Status.DOWN, None, None)
    assert flips(ping(0), ping(1, Action.FAIL))[-1] == (1, "up", "down", "fail")


@pytest.mark.parametrize(("status", "action"), [(0, Action.SUCCESS), (1, Action.FAIL)])
def test_an_exit_status_says_success_or_failure(status: int, action: Action) -> None:
    assert meaning(RULES, Status.UP, ping(0, exit_status=status)) is action


def test_a_log_ping_is_counted_and_changes_nothing_else() -> None:
    before = after(ping(0))
    logged = after(ping(20, Action.LOG), state=before)
    assert logged.n_pings == 2
    assert logged == replace(before, n_pings=2)


def test_a_start_has_to_be_followed_by_an_end_within_grace() -> None:
    state = after(ping(0), ping(2, Action.START))
    assert (state.due_at, state.down_at) == (at(10), at(7))
    assert silence(state, at(7))[1][0].at == at(7)


def test_a_new_check_that_starts_and_never_ends_goes_down() -> None:
    state = after(ping(0, Action.START))
    assert (state.status, state.down_at) == (Status.NEW, at(5))
    assert shown(state, at(5)) is Shown.DOWN


def test_a_start_while_down_brings_no_second_deadline() -> None:
    state = after(ping(0, Action.FAIL), ping(1, Action.START))
    assert (state.status, state.last_start_at, state.down_at) == (Status.DOWN, at(1), None)


def test_the_duration_is_from_start_to_end_of_the_same_run() -> None:
    state = after(ping(0, Action.START, R1), ping(3, rid=R1))
    assert (state.last_duration, state.last_start_at) == (3 * MINUTE, None)


def test_a_success_of_another_run_does_not_end_this_run() -> None:
    state = after(ping(0, Action.START, R1), ping(3, rid=R2))
    assert (state.last_start_at, state.last_duration) == (at(0), None)


def test_a_success_without_run_id_ends_any_run_without_a_duration() -> None:
    state = after(ping(0, Action.START, R1), ping(3))
    assert (state.last_start_at, state.last_duration) == (None, None)


def test_a_failure_ends_any_run() -> None:
    assert after(ping(0, Action.START, R1), ping(3, Action.FAIL, R2)).last_start_at is None


def test_only_the_latest_start_is_watched() -> None:
    events = ping(0, Action.START, R1), ping(1, Action.START, R2), ping(2, rid=R1)
    state = after(*events)
    assert (state.last_start_at, state.last_start_rid) == (at(1), R2)


def test_a_run_of_three_days_has_no_duration() -> None:
    rules = Rules(RULES.schedule, grace=timedelta(days=9))
    state = after(ping(0, Action.START), ping(72 * 60), rules=rules)
    assert (state.last_start_at, state.last_duration) == (None, None)


def test_only_post_counts_when_the_check_says_so() -> None:
    rules = Rules(RULES.schedule, RULES.grace, methods="POST")
    assert meaning(rules, Status.UP, ping(0)) is Action.IGN
    assert meaning(rules, Status.UP, ping(0, method="POST")) is Action.SUCCESS
    assert after(ping(0), rules=rules) == State(n_pings=1)


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (b"all is well", Action.SUCCESS),
        (b"well, it FAILED", Action.FAIL),
        (b"begun", Action.START),
        (b"\xff\xfe well", Action.SUCCESS),
        (b"failed", Action.IGN),
        (b"", Action.IGN),
    ],
)
def test_keywords_in_the_body_win_over_the_address(body: bytes, action: Action) -> None:
    rules = Rules(
        RULES.schedule,
        RULES.grace,
        filter_http_body=True,
        success_kw="fine, well",
        failure_kw="FAILED,",
        start_kw="begun",
    )
    for said in Action.SUCCESS, Action.FAIL, Action.LOG, Action.START:
        assert meaning(rules, Status.UP, ping(0, said, body=body)) is action
    strict = replace(rules, filter_default_fail=True)
    expected = Action.FAIL if action is Action.IGN else action
    assert meaning(strict, Status.UP, ping(0, body=body)) is expected


def test_a_paused_check_has_no_deadline_and_a_ping_resumes_it() -> None:
    state, found = pause(after(ping(0)), at(1))
    assert (state.status, state.due_at, state.down_at) == (Status.PAUSED, None, None)
    assert [flip.new for flip in found] == [Status.PAUSED]
    assert pause(state, at(2)) == (state, [])
    assert after(ping(3), state=state).status is Status.UP


def test_a_check_with_manual_resume_ignores_pings_while_it_is_paused() -> None:
    rules = Rules(RULES.schedule, RULES.grace, manual_resume=True)
    paused, _ = pause(after(ping(0), rules=rules), at(1))
    later = fold(rules, paused, [ping(3), ping(4, Action.FAIL), ping(5, Action.START)])
    assert [line.action for line in later.recorded] == [Action.IGN] * 3
    assert later.state == replace(paused, n_pings=4)
    resumed, _ = resume(later.state, at(6))
    assert after(ping(7), rules=rules, state=resumed).status is Status.UP


def test_a_start_while_paused_that_never_ends_brings_the_check_down() -> None:
    paused, _ = pause(after(ping(0)), at(1))
    state = after(ping(2, Action.START), state=paused)
    assert (state.status, state.down_at) == (Status.PAUSED, at(7))


def test_what_was_received_before_the_pause_is_logged_and_changes_nothing() -> None:
    paused, _ = pause(after(ping(0)), at(5))
    late = fold(RULES, paused, [ping(4)])
    assert (late.state.status, late.state.n_pings, late.flips) == (Status.PAUSED, 2, ())
    assert late.recorded[0].action is Action.SUCCESS


def test_resuming_makes_a_check_new_and_only_a_paused_one_can_be_resumed() -> None:
    paused, _ = pause(after(ping(0)), at(1))
    state, _ = resume(paused, at(2))
    assert (state.status, state.last_ping_at) == (Status.NEW, None)
    with pytest.raises(ValueError, match="not paused"):
        resume(state, at(3))


def test_an_exhausted_schedule_stays_up_for_ever() -> None:
    rules = Rules(Schedule(Kind.ONCALENDAR, 0, "2020-01-01", "UTC"), RULES.grace)
    state = after(ping(0), rules=rules)
    assert (state.status, state.due_at, state.down_at) == (Status.UP, None, None)
    assert shown(state, at(10**6)) is Shown.UP


def test_a_cron_check_is_due_in_its_own_zone() -> None:
    rules = Rules(Schedule(Kind.CRON, 0, "0 15 * * *", "Europe/Riga"), RULES.grace)
    state = after(ping(0), rules=rules)
    assert state.due_at == datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
