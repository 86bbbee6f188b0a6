"""What the bucket has, and whether that is enough."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.backups import listed
from ops.backups.listed import MOST_AGE, Backup, Listed, ago, why_not_recent
from ops.backups.reading import understood
from ops.errors import ChangeFailed
from tests.ops.backups.bucket import answer, bucket, one

BACKUPS = st.lists(
    st.builds(
        one,
        st.floats(0, 100),
        verified=st.booleans(),
        trouble=st.sampled_from(["", "its object is missing"]),
    )
)


@given(BACKUPS)
def test_only_one_that_came_back_and_is_young_is_enough(some: list[dict[str, Any]]) -> None:
    found = bucket(*some)

    def is_good(each: Backup) -> bool:
        return bool(each.verified_at) and not each.trouble and found.age(each) <= MOST_AGE

    assert (why_not_recent(found) == "") == any(map(is_good, found.backups))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (None, "the inventory has no [backups]"),
        ("obs1: no answer.", "is not known: obs1: no answer."),
        (bucket(), "there is none. fab backup.now"),
        (bucket(one(1, verified=False)), "none has come back yet. fab backup.now"),
        (bucket(one(27)), "of the last 26 hours: 20261121T090000Z-1a2b3c, a dump of 27.0 hours"),
        (bucket(one(1, trouble="empty"), one(30)), "20261121T060000Z-1a2b3c"),
    ],
)
def test_why_there_is_none_is_said(known: Listed | str | None, words: str) -> None:
    assert words in why_not_recent(known)


def test_a_backup_is_as_old_as_its_beginning_whenever_it_was_verified() -> None:
    late = one(25.9, verified_at="2026-11-22T11:59:00+00:00")
    assert why_not_recent(bucket(late)) == ""
    assert why_not_recent(bucket(late | {"started_at": "2026-11-21T09:59:59Z"}))


def test_an_age_is_said_in_the_unit_that_fits() -> None:
    said = [ago(timedelta(hours=hours)) for hours in (0.2, 1.4, 1.6, 47, 60)]
    assert said == [
        "12 minutes ago", "84 minutes ago", "1.6 hours ago", "47.0 hours ago", "2.5 days ago"
    ]  # fmt: skip


def test_the_table_has_a_row_for_each_with_what_became_of_it() -> None:
    found = bucket(one(3), one(1, verified=False), one(30, trouble="its object is missing"))
    title, *rows = listed.table(found.backups)
    assert title[-1] == "CAME BACK"
    assert [row[-1] for row in rows] == ["useless", "2026-11-22 10:00 UTC", "not tried"]
    assert listed.troubles(found) == ["20261121T060000Z-1a2b3c: its object is missing"]


def test_of_one_without_a_manifest_only_its_trouble_is_known() -> None:
    bare = dict.fromkeys(("engine", "host", "bytes", "plain_bytes"))
    found = bucket(one(1) | bare | {"trouble": "no manifest"}, one(2))
    assert listed.table(found.backups)[-1][2:] == (
        "-", "2026-11-22 11:00 UTC", "0 B", "0 B", "useless"
    )  # fmt: skip
    assert listed.troubles(found) == ["20261122T110000Z-1a2b3c: no manifest"]


def test_programs_are_told_times_with_their_zone() -> None:
    assert listed.newest_as_json(bucket(one(3))) == {
        "id": "20261122T090000Z-1a2b3c",
        "kind": "dump",
        "started_at": "2026-11-22T09:00:00+00:00",
        "verified_at": "2026-11-22T10:00:00+00:00",
        "age_seconds": 10_800,
    }
    assert listed.newest_as_json("silent") is listed.newest_as_json(None) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"failed": "S3 refuses"}, "could not be listed: S3 refuses"),
        ({"lacks": "has no release with backups"}, "obs1: has no release"),
        ({"backups": []}, "not understood"),
        (answer(one(1, started_at="2026-11-22T11:00:00")), "has no time zone"),
    ],
)
def test_what_an_observer_cannot_tell_is_a_failure_of_that_host(
    said: dict[str, Any], words: str
) -> None:
    with pytest.raises(ChangeFailed, match=words):
        understood("obs1", said)
