"""Which base a WAL file is replayed onto (backups/replay.py), as far as names say it."""

from datetime import UTC, datetime

import pytest

from backups.replay import ArchivedFile, Span, bases_for

AT = datetime(2026, 11, 22, tzinfo=UTC)


def wal(timeline: int, *numbers: int) -> list[ArchivedFile]:
    names = [f"{timeline:08X}{number:016X}" for number in numbers]
    return [ArchivedFile.of(name, "1", name, AT) for name in names]


def span(timeline: int, first: int, last: int | None = None) -> Span:
    return Span("1", timeline, f"{first:016X}", f"{first if last is None else last:016X}")


def needed(of: ArchivedFile, bases: dict[str, Span], *known: ArchivedFile) -> set[str]:
    return bases_for([of], bases, known)


@pytest.mark.parametrize(("number", "expected"), [(4, set()), (7, {"a"}), (9, {"b"}), (30, {"b"})])
def test_the_last_base_that_ends_before_it(number: int, expected: set[str]) -> None:
    bases = {"a": span(1, 4, 5), "b": span(1, 8, 9)}
    known = wal(1, *range(4, 31))
    assert needed(wal(1, number)[0], bases, *known) == expected


def test_a_base_of_another_cluster_is_of_no_use() -> None:
    assert needed(wal(1, 9)[0], {"a": Span("2", 1, "0" * 16, "0" * 16)}, *wal(1, 9)) == set()


def test_after_a_failover_the_last_base_from_before_the_fork() -> None:
    bases = {"a": span(1, 4), "b": span(1, 8), "too late": span(1, 12)}
    known = wal(1, *range(4, 14)) + wal(2, *range(10, 21))
    assert needed(wal(2, 20)[0], bases, *known) == {"b"}


def test_a_base_that_ends_where_the_timelines_part_may_be_too_late() -> None:
    bases = {"a": span(1, 4), "b": span(1, 8), "at the fork": span(1, 9, 10)}
    known = wal(1, *range(4, 11)) + wal(2, *range(10, 21))
    assert needed(wal(2, 20)[0], bases, *known) == {"at the fork", "b"}


def test_a_base_shows_its_timeline_also_without_wal_of_it() -> None:
    assert needed(wal(2, 12)[0], {"a": span(1, 8, 9)}, *wal(2, *range(10, 13))) == {"a"}


def test_after_two_failovers_the_way_goes_over_both_forks() -> None:
    known = wal(1, *range(4, 10)) + wal(2, *range(10, 20)) + wal(3, *range(20, 31))
    bases = {"a": span(1, 4), "b": span(1, 8)}
    assert needed(wal(3, 30)[0], bases, *known) == {"b"}


def test_a_timeline_that_was_left_again_does_not_hide_the_one_that_goes_on() -> None:
    """Restored to before a mistake, with a base of that, and then once more, from the first one."""
    known = wal(1, *range(4, 30)) + wal(2, *range(10, 22)) + wal(3, *range(20, 31))
    bases = {"a": span(1, 8), "left again": span(2, 15)}
    assert needed(wal(3, 30)[0], bases, *known) == {"a", "left again"}
    assert needed(wal(3, 30)[0], bases | {"b": span(1, 18)}, *known) == {"b", "left again"}


def test_a_timeline_that_begins_later_is_not_on_the_way() -> None:
    known = wal(1, *range(4, 50)) + wal(2, *range(40, 50)) + wal(3, *range(20, 31))
    bases = {"a": span(1, 10), "b": span(1, 30)}
    assert needed(wal(3, 30)[0], bases, *known) == {"a"}


@pytest.mark.parametrize(
    ("first", "last"),
    [("", ""), ("x" * 24, "x" * 24), ("0" * 7 + "1" + "0" * 16, "0" * 7 + "2" + "0" * 16)],
)
def test_a_span_of_no_base_is_none(first: str, last: str) -> None:
    assert Span.of("1", first, last) is None


def test_files_beside_the_segments_have_their_place() -> None:
    name = "0000000100000000000000FF"
    for also in (name, f"{name}.partial", f"{name}.00000028.backup"):
        assert ArchivedFile.of("key", "1", also, AT).position == name[8:]
    assert ArchivedFile.of("key", "1", "00000002.history", AT).position == ""
