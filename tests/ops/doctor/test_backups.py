"""What a doctor says of backups."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.doctor import backups
from ops.doctor.seen import Level, Seen
from ops.inventory import read_fleet
from provisioning.fleet import Backups, Fleet
from tests.ops.backups.bucket import answer, one
from tests.ops.inventories import inventory

WHERE = Backups("https://s3.example.org", "eu", "stillhere", ("keys/ada.asc",))


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return replace(read_fleet(path), backups=WHERE)


def said(fleet: Fleet, answers: dict[str, Any]) -> list[tuple[str, Level, str]]:
    seen = Seen(fleet, {}, {}, {}, answers, {})
    return [(line.host, line.level, line.words) for line in backups.lines(seen)]


def test_only_the_observers_of_a_fleet_with_backups_are_asked(fleet: Fleet) -> None:
    asked = [host.name for host in fleet.hosts if backups.questions(fleet, host, {})]
    assert asked == ["obs1"]
    bare = replace(fleet, backups=None)
    assert not any(backups.questions(bare, host, {}) for host in fleet.hosts)
    assert [level for _, level, _ in said(bare, {})] == [Level.NOTE]


def test_a_recent_one_that_came_back_is_green(fleet: Fleet) -> None:
    found = said(fleet, {"obs1": {"backups": answer(one(9), one(33))}})
    words = "20261122T030000Z-1a2b3c, a dump of 9.0 hours ago came back"
    assert found == [("fleet", Level.GREEN, words)]


def test_what_is_wrong_with_them_is_red(fleet: Fleet) -> None:
    bad = answer(one(1, trouble="its object is missing"), one(33), unfinished_uploads=2)
    (_, old, age), (_, useless, words), (_, note, uploads) = said(fleet, {"obs1": {"backups": bad}})
    assert (old, useless, note) == (Level.RED, Level.RED, Level.NOTE)
    assert "a dump of 33.0 hours ago" in age
    assert words == "20261122T110000Z-1a2b3c: its object is missing."
    assert "not finished: 2." in uploads


def test_an_observer_that_is_silent_or_cannot_tell_is_red(fleet: Fleet) -> None:
    assert [(host, level) for host, level, _ in said(fleet, {})] == [("fleet", Level.RED)]
    lacks = {"obs1": {"backups": {"lacks": "has no release with backups: fab deploy."}}}
    assert said(fleet, lacks) == [("obs1", Level.RED, "has no release with backups: fab deploy.")]
