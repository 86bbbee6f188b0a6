"""Places in the write-ahead log, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.databases.lsn import format_lsn, parse_lsn


@given(st.integers(0, 2**64 - 1))
def test_a_place_survives_its_text(lsn: int) -> None:
    assert parse_lsn(format_lsn(lsn)) == lsn


def test_the_text_is_postgresqls() -> None:
    assert parse_lsn("16/B374D848") == 0x16_B374_D848
    assert format_lsn(0x16_0000_0001) == "16/1"


@pytest.mark.parametrize("text", ["", "16", "16/", "/1", "16/B374D8481", "x/1", "1/1 "])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        parse_lsn(text)
