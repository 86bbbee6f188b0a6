"""Which of several hosts is our database? Rules on what they say of themselves."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.postgresql.servers import (
    AnotherDatabase,
    NoServer,
    Seen,
    Server,
    TwoPrimaries,
    choose,
    remembered,
)

OURS, OTHER = 7_000, 8_000


def server(host: str, timeline: int, *, writes: bool = True, system: int = OURS) -> Server:
    return Server(host, system, timeline, writes, started=host)


def test_the_one_that_takes_writes_is_chosen() -> None:
    found = [server("db1", 1, writes=False), server("db2", 1)]
    assert choose(found, None).host == "db2"


def test_of_two_that_take_writes_the_later_timeline_wins_wherever_it_stands() -> None:
    old, new = server("db1", 1), server("db2", 2)
    assert choose([old, new], Seen(OURS, 1)).host == "db2"
    assert choose([new, old], Seen(OURS, 1)).host == "db2"


def test_an_old_primary_alone_is_refused_once_the_new_one_was_seen() -> None:
    with pytest.raises(NoServer, match="timeline 1 of db1 is refused"):
        choose([server("db1", 1), server("db2", 2, writes=False)], Seen(OURS, 2))


def test_another_database_is_refused_until_it_is_adopted() -> None:
    with pytest.raises(AnotherDatabase, match="adopt_database"):
        choose([server("db1", 9, system=OTHER)], Seen(OURS, 1))
    assert choose([server("db1", 9, system=OTHER)], Seen(OTHER, 9)).timeline == 9


def test_another_database_beside_ours_is_passed_over() -> None:
    found = [server("db1", 9, system=OTHER), server("db2", 1)]
    assert choose(found, Seen(OURS, 1)).host == "db2"


def test_two_databases_are_refused_while_ours_is_unknown() -> None:
    with pytest.raises(AnotherDatabase, match="not one database"):
        choose([server("db1", 1, system=OTHER), server("db2", 1)], None)


def test_two_primaries_on_one_timeline_are_refused() -> None:
    with pytest.raises(TwoPrimaries, match="db1, db2"):
        choose([server("db1", 2), server("db2", 2)], Seen(OURS, 1))


def test_one_server_by_two_names_is_one() -> None:
    twice = [Server("10.0.0.1", OURS, 1, True, "then"), Server("db1", OURS, 1, True, "then")]
    assert choose(twice, None).host == "10.0.0.1"


def test_standbys_alone_are_refused_unless_reading_is_enough() -> None:
    with pytest.raises(NoServer, match="db1 takes writes"):
        choose([server("db1", 1, writes=False)], None)
    assert choose([server("db1", 1, writes=False)], None, must_write=False).host == "db1"


SERVERS = st.lists(
    st.builds(
        Server,
        host=st.sampled_from(["a", "b", "c"]),
        system=st.sampled_from([OURS, OTHER]),
        timeline=st.integers(1, 4),
        is_writable=st.booleans(),
        started=st.sampled_from(["x", "y", "z"]),
    ),
    max_size=4,
)


@given(SERVERS, st.one_of(st.none(), st.builds(Seen, st.just(OURS), st.integers(1, 4))))
def test_what_is_chosen_takes_writes_and_is_never_behind(
    found: list[Server], seen: Seen | None
) -> None:
    try:
        best = choose(found, seen)
    except NoServer:
        return
    assert best.is_writable
    rivals = [one for one in found if one.is_writable and one.system == best.system]
    assert best.timeline == max(one.timeline for one in rivals)
    assert seen is None or (best.system == seen.system and best.timeline >= seen.timeline)


def test_what_was_seen_is_remembered_and_nonsense_is_no_first_time(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    assert remembered(path) is None
    path.write_bytes(Seen(OURS, 3).packed())
    assert remembered(path) == Seen(OURS, 3)
    path.write_bytes(b"{")
    with pytest.raises(NoServer, match="adopt_database"):
        remembered(path)
