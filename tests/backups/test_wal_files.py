import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.wal_files import (
    WalFile,
    is_wal_name,
    segment_name,
    segment_number,
    wal_file_at,
)

SYSTEM = "7710800394248228407"
DIGEST = "0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    [
        "000000010000000000000007",
        "00000001000000000000000A.partial",
        "000000010000000000000002.00000028.backup",
        "00000002.history",
    ],
)
def test_a_key_says_all_that_is_known_of_a_file(name: str) -> None:
    file = WalFile(SYSTEM, name, DIGEST)
    assert file.key == f"wal/{SYSTEM}/{name[:8]}/{name}-{DIGEST}.gpg"
    assert wal_file_at(file.key) == file


@pytest.mark.parametrize(
    "key",
    [
        "dumps/20261122T013000Z-1a2b3c/dump.gpg",
        f"wal/{SYSTEM}/00000001/000000010000000000000007.gpg",
        f"wal/{SYSTEM}/00000002/000000010000000000000007-{DIGEST}.gpg",
        f"wal/{SYSTEM}/00000001/postgresql.conf-{DIGEST}.gpg",
        f"wal/{SYSTEM}/00000001/../000000010000000000000007-{DIGEST}.gpg",
    ],
)
def test_what_is_no_wal_is_no_wal_file(key: str) -> None:
    assert wal_file_at(key) is None


def test_only_a_whole_segment_has_a_number() -> None:
    assert WalFile(SYSTEM, "000000020000000100000003", DIGEST).segment == 259
    assert WalFile(SYSTEM, "000000020000000100000003.partial", DIGEST).segment is None
    assert WalFile(SYSTEM, "00000002.history", DIGEST).segment is None


def test_a_name_of_a_program_is_no_name_of_a_segment() -> None:
    assert not is_wal_name(".000000010000000000000007.new")
    assert not is_wal_name("../global/pg_control")


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**40 - 1))
def test_a_segment_is_known_by_timeline_and_number(timeline: int, number: int) -> None:
    name = segment_name(timeline, number)
    assert segment_number(name) == number
    assert WalFile(SYSTEM, name, DIGEST).timeline == timeline
