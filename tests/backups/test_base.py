import pytest

from backups.base import wal_range
from backups.errors import SourceError
from backups.manifest import WalRange

SAID = """\
pg_basebackup: initiating base backup, waiting for checkpoint to complete
pg_basebackup: checkpoint completed
pg_basebackup: write-ahead log start point: 0/{start} on timeline 1
pg_basebackup: write-ahead log end point: {end}
pg_basebackup: base backup completed
"""


def _name(number: int) -> str:
    return f"00000001{number // 256:08X}{number % 256:08X}"


def test_the_wal_of_a_base_is_what_pg_basebackup_says() -> None:
    said = SAID.format(start="2000028", end="0/4000100")
    assert wal_range(said) == WalRange(_name(2), _name(4))


def test_an_end_at_the_beginning_of_a_file_is_the_end_of_the_one_before() -> None:
    assert wal_range(SAID.format(start="2000028", end="0/6000000")) == WalRange(_name(2), _name(5))


def test_names_go_on_over_four_gigabytes() -> None:
    said = SAID.format(start="FF000028", end="1/1000100")
    assert wal_range(said) == WalRange(_name(255), _name(257))


def test_another_language_says_the_same() -> None:
    german = (
        "pg_basebackup: Write-Ahead-Log-Startpunkt: 0/2000028 auf Zeitleiste 7\n"
        "pg_basebackup: Write-Ahead-Log-Endpunkt: 0/2000100\n"
    )
    assert wal_range(german) == WalRange(*["000000070000000000000002"] * 2)


def test_without_its_words_there_is_no_base() -> None:
    with pytest.raises(SourceError):
        wal_range("pg_basebackup: base backup completed\n")
