"""The filter of a list, in the address."""

from uuid import UUID

import pytest
from django.http import QueryDict

from app.checks.state import Shown
from app.pages.check_filter import Filter, page_number, read

CODE = UUID("c0ffee00-1234-4abc-8def-0123456789ab")


def takes(query: str, shown: Shown = Shown.UP) -> bool:
    wanted = read(QueryDict(query))
    return wanted.takes(shown, "Nightly Größe", "nightly-dump", "prod db", CODE)


@pytest.mark.parametrize(
    ("query", "is_taken"),
    [
        ("", True),
        ("q=nightly", True),
        ("q=NIGHT+gr%C3%96SSE", True),
        ("q=dump+nightly", True),
        ("q=nightly+weekly", False),
        ("q=c0ffee00-1234", True),
        ("q=C0FFEE001234", True),
        ("q=c0ff", True),
        ("q=c0f", False),
        ("q=1234-4abc", False),
        ("q=prod", True),
        ("q=%25", False),
        ("q=%00", False),
        ("tag=prod", True),
        ("tag=prod&tag=db", True),
        ("tag=prod+db", True),
        ("tag=pro", False),
        ("tag=PROD", False),
        ("tag=prod&tag=web", False),
        ("state=up", True),
        ("state=down", False),
        ("state=down&state=up", True),
        ("state=banana", True),
        ("state=", True),
        ("q=dump&tag=db&state=up", True),
        ("q=dump&tag=db&state=late", False),
    ],
)
def test_text_tags_and_states_all_have_to_fit(query: str, is_taken: bool) -> None:
    assert takes(query) is is_taken


def test_an_address_is_read_back_as_it_was_written() -> None:
    wanted = Filter("größe & co", ("prod", "a&b=c"), (Shown.DOWN, Shown.LATE))
    assert read(QueryDict(wanted.query(page=2)[1:])) == wanted
    assert Filter().query() == ""
    assert not Filter()


def test_a_choice_is_put_in_and_taken_out() -> None:
    wanted = Filter("dump").with_state(Shown.DOWN).with_tag("prod").with_tag("db")
    assert wanted.query() == "?q=dump&tag=prod&tag=db&state=down"
    assert wanted.with_state(Shown.DOWN).with_tag("prod").query() == "?q=dump&tag=db"


def test_what_is_hostile_is_cut() -> None:
    many = "&".join(f"tag={number}" for number in range(500))
    wanted = read(QueryDict(f"q={'x' * 2_000}&{many}&state=up&state=up"))
    assert len(wanted.text) == 100
    assert len(wanted.tags) == 20
    assert wanted.states == (Shown.UP,)


def test_a_filter_says_what_it_wants() -> None:
    assert Filter("dump").in_words() == "“dump”"
    wanted = Filter("dump", ("prod", "db"), (Shown.DOWN, Shown.LATE))
    assert wanted.in_words() == "“dump”, tags prod and db, down or late"


@pytest.mark.parametrize(
    ("query", "number"),
    [("", 1), ("page=3", 3), ("page=0", 1), ("page=-1", 1), ("page=x", 1), ("page=²", 1)],
)
def test_a_page_is_a_number_from_one(query: str, number: int) -> None:
    assert page_number(QueryDict(query)) == number
    assert page_number(QueryDict("page=" + "9" * 5_000)) == 1
