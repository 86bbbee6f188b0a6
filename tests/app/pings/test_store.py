"""What the drain writes of a check and reads again, column by column (app/pings/store)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.accounts.models import Project
from app.checks.models import Check
from app.checks.state import Action, Event, Recorded, State, Status
from app.pings.store import store
from app.pings.store.rows import Changed, Loaded, is_plain
from tests.app.pings.test_apply import T0, new_check, project

__all__ = ["project"]  # fixture
pytestmark = pytest.mark.django_db

ODD = ["", "NULL", '"', "\\", "a,b", "(a)", " a ", "é\n'", "{}", '"","', "\\\\,\x1f"]
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2284, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def loaded(check: Check) -> Loaded:
    with transaction.atomic():
        (found,) = store().load([check.code.bytes])
    return found


@pytest.mark.parametrize("word", ODD)
def test_rules_are_read_whatever_is_written_in_them(project: Project, word: str) -> None:
    words = {"success_kw": word, "failure_kw": word[::-1], "start_kw": "x", "schedule": word}
    for number, flag in enumerate(("manual_resume", "filter_http_body", "filter_default_fail")):
        check = new_check(project, f"c{number}", tz="Asia/Riyadh", **words, **{flag: True})
        found = loaded(check)
        assert found.rules == check.rules
        assert (found.id, found.code, found.state) == (check.pk, check.code.bytes, check.state)


def test_the_codes_that_are_asked_for_are_those_of_the_answers(project: Project) -> None:
    checks = [new_check(project, f"c{number}", period_seconds=60 + number) for number in range(9)]
    asked = [check.code.bytes for check in reversed(checks)] + [uuid4().bytes]
    with transaction.atomic():
        found = store().load(asked)
    assert [one.code for one in found] == [check.code.bytes for check in checks]
    assert [one.rules for one in found] == [check.rules for check in checks]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    state=st.builds(
        State,
        st.sampled_from(Status),
        st.integers(0, 2**40),
        *[st.none() | TIMES] * 2,
        st.none() | st.uuids(),
        st.none() | st.timedeltas(timedelta(0), timedelta(days=3)),
        st.none() | TIMES,
        st.none(),
        *[st.none() | TIMES] * 2,
    ),
    wake=st.none() | TIMES,
    at=TIMES,
)
def test_every_value_of_a_check_and_of_its_log_is_read_as_it_was_written(
    project: Project, state: State, wake: datetime | None, at: datetime
) -> None:
    check = new_check(project)
    line = Recorded(Event(at, rid=state.last_start_rid), 7, Action.IGN)
    with transaction.atomic():
        store().write([Changed(check.pk, state, wake, [line], ())])
    found = loaded(check)
    assert (found.state, found.wake_at) == (state, wake)
    written = check.pings.get()
    assert (written.received_at, written.n, written.rid) == (at, 7, state.last_start_rid)
    assert (written.action, written.body, written.exit_status) == ("ign", None, None)


def test_a_plain_change_leaves_the_other_columns_alone(project: Project) -> None:
    plain, full = new_check(project, "plain"), new_check(project, "full")
    before = State(Status.DOWN, 3, T0, T0, uuid4(), timedelta(1), T0, None, None, T0)
    with transaction.atomic():
        store().write([Changed(check.pk, before, T0, (), ()) for check in (plain, full)])
    later = T0 + timedelta(hours=1)
    after = State(Status.UP, 4, later, None, None, None, later, None, later, None)
    with transaction.atomic():
        store().write(
            [
                Changed(plain.pk, after, None, (), (), is_plain=True),
                Changed(full.pk, after, None, (), ()),
            ]
        )
    kept = before.last_start_at, before.last_start_rid, before.last_duration, T0
    moved = State(Status.DOWN, 4, later, *kept, None, later, None)
    assert (loaded(plain).state, loaded(plain).wake_at) == (moved, T0)
    assert (loaded(full).state, loaded(full).wake_at) == (after, None)


def test_what_a_plain_change_does_not_write_has_not_changed() -> None:
    old = State(Status.UP, 3, T0, None, None, None, T0, None, T0, T0)
    later = T0 + timedelta(hours=1)
    assert is_plain(old, State(Status.UP, 4, later, None, None, None, T0, None, later, None))
    values = [Status.DOWN, 4, later, later, uuid4(), timedelta(1), later, None, later, later]
    same = [Status.UP, 3, T0, None, None, None, T0, None, T0, T0]
    for place, value in enumerate(values):
        new = State(*same[:place], value, *same[place + 1 :])  # type: ignore[arg-type, call-arg]
        assert is_plain(old, new) == (place in {1, 2, 7, 8, 9})
