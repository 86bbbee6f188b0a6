"""The filter of the log, as it stands in an address."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from app.checks.state import Action
from app.pages import log_filter

RIGA = ZoneInfo("Europe/Riga")


def read(query: str) -> log_filter.LogFilter:
    return log_filter.read(QueryDict(query))


def test_a_filter_comes_back_as_it_was_read() -> None:
    asked = read("said=fail&said=start&from=2026-11-01&to=2026-11-02&body=1")
    assert asked.said == (Action.START, Action.FAIL)
    assert (asked.first_day, asked.last_day) == (date(2026, 11, 1), date(2026, 11, 2))
    assert read(log_filter.address("", asked.pairs)[1:]) == asked
    assert asked
    assert not read("")


def test_days_are_those_of_the_zone_that_is_shown() -> None:
    wanted = read("from=2026-11-21&to=2026-11-21").wanted(RIGA)
    assert wanted.begin == datetime(2026, 11, 20, 22, tzinfo=UTC)
    assert wanted.end == datetime(2026, 11, 21, 22, tzinfo=UTC)


def test_a_day_with_a_clock_jump_is_as_long_as_it_is() -> None:
    wanted = read("from=2026-03-29&to=2026-03-29").wanted(RIGA)
    assert wanted.begin is not None
    assert wanted.end is not None
    assert (wanted.end - wanted.begin).total_seconds() == 23 * 3_600


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2030-01-02", "9999-12-31"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "UTC"])
def test_any_year_is_fine(day: str, zone: str) -> None:
    asked = read(f"from={day}&to={day}")
    assert asked.notes == ()
    asked.wanted(ZoneInfo(zone))


@pytest.mark.parametrize(
    "query", ["from=2026-13-45", "to=x", "from=%00", "said=drop%20table", f"to={'9' * 999}"]
)
def test_what_makes_no_sense_is_left_out_and_noted(query: str) -> None:
    asked = read(query)
    assert not asked
    assert len(asked.notes) == 1
    assert len(asked.notes[0]) < 200


@given(st.text(max_size=30))
def test_a_number_is_ascii_digits_that_a_database_holds(text: str) -> None:
    number = log_filter.number(text)
    assert number is None or (str(number) == text.lstrip("0") or number == 0)
    assert number is None or number < 2**63


@given(st.dictionaries(st.sampled_from(["said", "from", "to", "body", "before"]), st.text()))
def test_hostile_values_do_no_harm(values: dict[str, str]) -> None:
    query = QueryDict(mutable=True)
    query.update(values)
    log_filter.read(query).wanted(RIGA)
