"""Gaps in WAL: found wherever they are, and nothing whole is called one.

A history is made up as PostgreSQL makes it: each timeline goes on inside of the segment in
which it began, and the old primary may have finished segments of its own beyond that.
"""

from dataclasses import dataclass

from hypothesis import assume, given
from hypothesis import strategies as st

from backups.wal_chain import chain
from backups.wal_files import WalFile, history_name, segment_name

SYSTEM, OTHER = "7710800394248228407", "7710800394248228408"
FIRST = 250  # the first part of a name changes at 256


def _file(name: str, digest: str = "0" * 16, system: str = SYSTEM) -> WalFile:
    return WalFile(system, name, digest)


@dataclass(frozen=True)
class History:
    """What is archived after a base that ended in FIRST on timeline 1, and what recovery needs."""

    files: tuple[WalFile, ...]
    needed: tuple[str, ...]


@st.composite
def histories(draw: st.DrawFn) -> History:
    files: set[WalFile] = set()
    needed: list[str] = []
    start, timelines = FIRST, draw(st.integers(1, 4))
    for timeline in range(1, timelines + 1):
        is_last = timeline == timelines
        fork = start + draw(st.integers(1 if is_last else 0, 8))
        needed += [segment_name(timeline, number) for number in range(start, fork)]
        rogue = 0 if is_last else draw(st.integers(0, 3))
        files |= {_file(segment_name(timeline, n)) for n in range(start, fork + rogue)}
        if not is_last:
            files |= {
                _file(history_name(timeline + 1)),
                _file(f"{segment_name(timeline, fork)}.partial"),
            }
        start = fork
    files |= {_file(segment_name(1, FIRST - 1)), _file(segment_name(1, FIRST), system=OTHER)}
    if timelines > 1:
        needed.append(history_name(timelines))
    return History(tuple(sorted(files)), tuple(needed))


@given(histories())
def test_what_is_whole_has_no_trouble(history: History) -> None:
    found = chain(SYSTEM, segment_name(1, FIRST), history.files)
    assert found.trouble == ""
    assert {one.name for one in found.files} >= set(history.needed)


@given(histories(), st.data())
def test_each_needed_file_that_is_not_there_is_missed(
    history: History, data: st.DataObject
) -> None:
    # Of the newest one nobody can know: it may not have been finished.
    segments = [name for name in history.needed if len(name) == 24]
    known = [name for name in history.needed if name != segments[-1]]
    assume(known)
    lost = data.draw(st.sampled_from(known))
    left = [one for one in history.files if one.name != lost]
    assert chain(SYSTEM, segment_name(1, FIRST), left).missing


@given(histories(), st.data())
def test_two_contents_of_one_name_are_said_and_neither_is_taken(
    history: History, data: st.DataObject
) -> None:
    twice = data.draw(st.sampled_from(history.needed))
    found = chain(SYSTEM, segment_name(1, FIRST), [*history.files, _file(twice, "1" * 16)])
    assert found.ambiguous == (twice,)
    assert twice not in {one.name for one in found.files}
    assert found.missing == ()


def test_a_gap_is_named() -> None:
    there = [_file(segment_name(1, FIRST + n)) for n in (0, 1, 4)]
    found = chain(SYSTEM, segment_name(1, FIRST), there)
    assert found.trouble == f"WAL is missing: {segment_name(1, FIRST + 2)} and 1 more"


def test_a_base_whose_wal_is_still_to_come_has_no_trouble() -> None:
    assert chain(SYSTEM, segment_name(1, FIRST), []).trouble == ""


def test_a_timeline_that_was_given_up_is_not_missed() -> None:
    """Promoted by mistake in the segment after FIRST, and another one before that later."""
    there = [
        *(_file(segment_name(1, FIRST + n)) for n in (0, 1)),
        *(_file(segment_name(2, FIRST + n)) for n in (5, 7)),
        *(_file(segment_name(3, FIRST + n)) for n in (1, 2)),
        _file(history_name(3)),
    ]
    assert chain(SYSTEM, segment_name(1, FIRST), there).missing == ()


def test_the_files_are_in_the_order_in_which_recovery_reads_them() -> None:
    there = [
        _file(segment_name(2, FIRST + 1)),
        _file(segment_name(1, FIRST)),
        _file(history_name(2)),
    ]
    found = chain(SYSTEM, segment_name(1, FIRST), there)
    assert [one.name for one in found.files] == [
        history_name(2), segment_name(1, FIRST), segment_name(2, FIRST + 1)
    ]  # fmt: skip
