"""Bodies as text that is safe to look at."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.ping_text import DEEPEST, MOST_INDENTED, MOST_SHOWN, body_text, indented


def test_text_is_shown_as_it_is() -> None:
    shown = body_text("späte Zeile\n\tdone\n".encode())
    assert (shown.text, shown.notes, shown.is_cut) == ("späte Zeile\n\tdone\n", (), False)


def test_bytes_that_are_no_text_are_replaced_and_noted() -> None:
    shown = body_text(b"ok \xff\xfe")
    assert shown.text == "ok \ufffd\ufffd"
    assert "not UTF-8" in shown.notes[0]


def test_a_replacement_sign_that_was_sent_is_no_fault() -> None:
    assert body_text("\ufffd".encode()).notes == ()


def test_control_characters_do_nothing_but_show() -> None:
    assert body_text(b"\x1b[31mred\x00\r\n\x7f").text == "␛[31mred␀\n␡"


def test_a_long_body_is_cut() -> None:
    shown = body_text(b"x" * (MOST_SHOWN + 1))
    assert (len(shown.text), shown.is_cut, shown.size_bytes) == (MOST_SHOWN, True, MOST_SHOWN + 1)


def test_json_gets_lines_and_keeps_every_sign_that_means_something() -> None:
    written = '{"b":1.50,"b":-0.0,"n":1e400,"t":"a, {\\"x\\": [1]}","e":{},"l":[1,[]]}'
    shown = body_text(written.encode())
    assert shown.text == (
        '{\n  "b": 1.50,\n  "b": -0.0,\n  "n": 1e400,\n  "t": "a, {\\"x\\": [1]}",\n'
        '  "e": {},\n  "l": [\n    1,\n    []\n  ]\n}'
    )
    assert "JSON" in shown.notes[0]


@pytest.mark.parametrize(
    "body",
    [
        b"[1",
        b"12",
        b'"words"',
        b"{not json}",
        b"[" * 5_000 + b"]" * 5_000,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b"[" + b"1," * MOST_INDENTED + b"1]",
    ],
)
def test_what_is_no_json_or_too_much_of_it_stays_as_it_came(body: bytes) -> None:
    shown = body_text(body)
    assert shown.text == body.decode()[:MOST_SHOWN]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_lines_change_nothing_of_what_json_says(
    value: object, indent: int | str | None, ascii_only: bool
) -> None:
    pretty = indented(json.dumps(value, indent=indent, ensure_ascii=ascii_only))
    assert (pretty is None) == (not isinstance(value, list | dict))
    if pretty is not None:
        assert json.loads(pretty) == value
        assert indented(pretty) == pretty


@given(st.binary(max_size=300))
def test_any_bytes_can_be_shown(body: bytes) -> None:
    shown = body_text(body)
    assert not {chr(code) for code in (*range(9), *range(11, 32), 127)} & set(shown.text)
