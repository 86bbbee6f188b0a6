"""What holds for any pings of a check (app/checks/state.py)."""

from hypothesis import given
from hypothesis import strategies as st

from app.checks.state import Action, Event, State, Status, fold, with_deadline
from tests.app.checks.test_state import R1, R2, RULES, after, ping

EVENTS = st.lists(
    st.builds(
        ping,
        st.integers(0, 60),
        st.sampled_from([Action.SUCCESS, Action.START, Action.FAIL, Action.LOG]),
        st.sampled_from([None, R1, R2]),
        st.sampled_from([None, None, None, 0, 3]),
    ),
    max_size=12,
    unique_by=lambda event: event.received_at,
).map(lambda events: sorted(events, key=lambda event: event.received_at))


@given(EVENTS, st.integers(0, 12))
def test_it_does_not_matter_how_events_are_cut_into_batches(events: list[Event], cut: int) -> None:
    whole = fold(RULES, State(), events)
    first = fold(RULES, State(), events[:cut])
    second = fold(RULES, first.state, events[cut:])
    assert second.state == whole.state
    assert first.flips + second.flips == whole.flips
    assert first.recorded + second.recorded == whole.recorded


@given(EVENTS)
def test_the_deadlines_follow_from_the_rest_of_the_state(events: list[Event]) -> None:
    state = after(*events)
    assert with_deadline(RULES, state) == state


@given(EVENTS)
def test_flips_make_a_chain_from_new_to_the_stored_status(events: list[Event]) -> None:
    folded = fold(RULES, State(), events)
    status = Status.NEW
    for flip in folded.flips:
        assert flip.old is status
        assert flip.new is not flip.old
        status = flip.new
    assert status is folded.state.status
    assert list(folded.flips) == sorted(folded.flips, key=lambda flip: flip.at)
    assert len({flip.at for flip in folded.flips}) == len(folded.flips)


@given(EVENTS)
def test_every_event_is_logged_once_with_a_number_of_its_own(events: list[Event]) -> None:
    folded = fold(RULES, State(), events)
    assert [line.n for line in folded.recorded] == list(range(1, len(events) + 1))
    assert [line.event for line in folded.recorded] == events
