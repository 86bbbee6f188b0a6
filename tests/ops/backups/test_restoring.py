"""Which backup is brought back, and what an operator is told before that."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.backups.restoring import Wanted, chosen, consequence, in_parcel, moment, target
from ops.errors import Refused
from tests.ops.backups.bucket import NOW, bucket, one
from tests.ops.databases.nodes import primary, standby

TROUBLE = st.sampled_from(["", "", "its object is missing"])
BACKUPS = st.lists(
    st.builds(one, st.integers(1, 90), verified=st.booleans(), trouble=TROUBLE,
              kind=st.sampled_from(["dump", "base"])),
    unique_by=lambda each: str(each["id"]),
)  # fmt: skip


@given(BACKUPS)
def test_by_itself_only_a_dump_that_came_back_is_taken_and_the_newest(
    some: list[dict[str, Any]],
) -> None:
    good = [
        each["id"]
        for each in some
        if each["kind"] == "dump" and each["verified_at"] and not each["trouble"]
    ]
    try:
        assert chosen(bucket(*some), Wanted()).id == max(good)
    except Refused:
        assert good == []


def test_one_that_is_named_is_taken_unless_it_is_useless() -> None:
    known = bucket(one(1, verified=False), one(2, trouble="its object is missing"))
    useless, untried = known.backups
    assert chosen(known, Wanted(untried.id)) == untried
    assert "NO DRILL" in consequence("db1", untried, known, Wanted(untried.id))
    with pytest.raises(Refused, match="its object is missing"):
        chosen(known, Wanted(useless.id))
    with pytest.raises(Refused, match="no backup 1b"):
        chosen(known, Wanted("1b"))
    with pytest.raises(Refused, match=f"by --backup; {untried.id} is the newest"):
        chosen(known, Wanted())


def test_a_moment_before_a_gap_in_the_wal_is_not_refused() -> None:
    gap = "WAL is missing: 000000010000000000000042"
    known = bucket(one(30, kind="base", trouble=gap))
    (base,) = known.backups
    assert in_parcel(known, base.id) == base
    at = Wanted(at="2026-11-21T11:00:00+00:00")
    assert f"Of it is said: {gap}." in consequence("db1", base, known, at)
    with pytest.raises(Refused, match="do this again"):
        in_parcel(known, "20261122T113000Z-1a2b3c")


def test_the_consequence_says_what_becomes_of_what_is_there() -> None:
    known = bucket(one(5))
    (newest,) = known.backups
    said = consequence("db1", newest, known, Wanted())
    assert said == (
        "RESTORE stillhere ON db1 from 20261122T070000Z-1a2b3c, a dump of 5.0 hours ago (4 MiB "
        "plain).  It is refused when there are tables already."
    )
    replacing = Wanted(at="2026-11-22T11:00:00+00:00", is_replacing=True)
    said = consequence("db1", newest, known, replacing)
    assert "(4 MiB plain), as of 2026-11-22T11:00:00+00:00." in said
    assert "is kept beside it, by another name" in said
    assert "as of the end of its WAL." in consequence("db1", newest, known, Wanted(at="latest"))


def test_a_moment_has_a_zone_and_is_over() -> None:
    assert (moment("", NOW), moment("latest", NOW)) == ("", "latest")
    assert moment("2026-11-22T01:30:00Z", NOW) == "2026-11-22T01:30:00+00:00"
    assert moment("2026-11-22T03:30:00+02:00", NOW) == "2026-11-22T01:30:00+00:00"
    for text in ("yesterday", "2026-11-22T01:30:00", "2026-11-22T12:00:00Z", "2030-01-01T00:00Z"):
        with pytest.raises(Refused, match=text):
            moment(text, NOW)


def test_it_is_restored_where_writes_are_taken() -> None:
    assert target({"db1": standby("db1", "db2"), "db2": primary("db2", "db1")}).name == "db2"
    for nodes in ({"db1": primary(), "db2": primary("db2")}, {"db1": "db1: no answer."}):
        with pytest.raises(Refused, match=r"fab db\.status"):
            target(nodes)
