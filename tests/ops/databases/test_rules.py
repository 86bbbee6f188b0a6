"""What an operator is refused at a database host, and why; all of it before anything is touched."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.databases import fencing
from ops.databases.judging import MOST_LAG_BYTES
from ops.databases.node import Node
from ops.databases.rejoining import consequence, plan_of, source_of
from ops.databases.streaming import why_not_following, why_not_worked_on
from ops.databases.way_back import SHUT_DOWN, Way
from ops.errors import Refused
from ops.inventory import read_fleet
from provisioning.fleet import Fleet
from tests.ops.databases.nodes import LSN, control, node, primary, server, standby
from tests.ops.inventories import inventory

FORK = 0x2_0000_0000
BARE = node("db2", version="", control=None, marker="")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


def pair(first: Node | str, second: Node | str) -> dict[str, Node | str]:
    return {"db1": first, "db2": second}


def serving(**changed: Any) -> Node:
    one = standby()
    assert one.server
    return replace(one, server=replace(one.server, **changed))


def fenced(**changed: Any) -> Node:
    files = control(state=SHUT_DOWN, timeline=2, **changed)
    return node(marker="fenced", control=files, server=None, unit="inactive")


def promoted(**changed: Any) -> Node:
    return replace(primary("db2", "db1"), forks={1: 0x1000, 2: FORK}, **changed)


# To follow.


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (primary(), standby(), ""),
        (primary(), "db2: silent.", "db2: silent."),
        (node(), standby(), "there is no one primary"),
        (primary(), node("db2", said="refused"), "does not answer: refused"),
        (primary(), node("db2", server=server()), "there is no one primary"),
        (primary(procedure={"step": "E9"}), standby(procedure={"step": "E9"}), ""),
        (primary(), serving(receiver=None), "does not stream from db1"),
        (primary(), serving(timeline=2), "on timeline 2, db1 on 3"),
        (primary(), serving(is_replay_paused=True), "its replay is paused"),
        (primary(), serving(replay_lsn=LSN - MOST_LAG_BYTES), ""),
        (primary(), serving(replay_lsn=LSN - MOST_LAG_BYTES - 1), "it is far behind"),
    ],
)
def test_a_standby_follows_or_there_is_a_reason(
    first: Node | str, second: Node | str, why: str
) -> None:
    said = why_not_following("db2", pair(first, second))
    assert why in said
    assert bool(why) == bool(said)


def test_a_database_is_worked_on_only_as_a_standby() -> None:
    well = pair(primary(), standby())
    assert why_not_worked_on("db2", well) == ""
    assert "fab db.failover --to db2 first" in why_not_worked_on("db1", well)
    assert why_not_worked_on("db2", pair(primary(), BARE)) == ""
    busy = standby(procedure={"step": "E9"})
    assert "a failover is under way" in why_not_worked_on("db2", pair(primary(), busy))
    assert "it does not stream" in why_not_worked_on("db2", pair(primary(), serving(receiver=None)))


# To fence, and to unfence.


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (primary(), ""),
        (fenced(), ""),
        (node(said="refused", unit="failed"), ""),
        (standby("db1"), "db1 is a standby"),
        ("db1: silent.", "cut its power"),
        (replace(BARE, name="db1"), "has no cluster"),
    ],
)
def test_who_may_take_writes_may_be_fenced(one: Node | str, why: str) -> None:
    said = fencing.why_not_fenced("db1", pair(one, standby()))
    assert why in said
    assert bool(why) == bool(said)


def test_a_fence_says_who_is_left() -> None:
    assert "no database takes writes until" in fencing.consequence("db1", pair(primary(), "db2: -"))
    two = pair(primary(), node("db2", server=server()))
    assert fencing.consequence("db1", two) == "FENCE db1.  It stops; db2 takes writes."


@pytest.mark.parametrize(
    ("one", "other", "is_dead", "why"),
    [
        (fenced(), standby(server=None), False, "db2 is on timeline 3, db1 on 2"),
        (fenced(), standby(server=None, control=control(timeline=2)), False, ""),
        (fenced(), BARE, False, ""),
        (fenced(), promoted(), False, "db2 is the primary. db1 can only follow it"),
        (fenced(), promoted(), True, "db2 is the primary. db1 can only follow it"),
        (fenced(), "db2: silent.", False, "--peer-is-dead"),
        (fenced(), "db2: silent.", True, ""),
        (fenced(), node("db2", control=None), False, "--peer-is-dead"),  # its disk is away
        (fenced(), node("db2", control=None), True, ""),
        (replace(fenced(), rewinding="by anna"), BARE, False, "--reclone"),
        (replace(fenced(), procedure={"step": "E3"}), BARE, False, "a failover is under way"),
        ("db1: silent.", standby(), False, "silent"),
        (replace(BARE, name="db1"), standby(), False, "has no cluster"),
        (standby("db1", "db2", fence=True), promoted(), False, ""),
    ],
)
def test_only_who_has_the_newest_timeline_may_be_the_primary_again(
    one: Node | str, other: Node | str, is_dead: bool, why: str
) -> None:
    if isinstance(other, Node) and other.control and other.control.timeline == 2:
        files = replace(other.control, min_recovery_end_timeline=2)
        other = replace(other, control=files)
    said = fencing.why_not_unfenced("db1", pair(one, other), peer_is_dead=is_dead)
    assert why in said
    assert bool(why) == bool(said)


def test_only_who_is_down_is_started_to_be_let_up() -> None:
    assert fencing.role_without_start(fenced()) is None
    assert fencing.role_without_start(primary(marker="unreadable")) == "primary"
    assert fencing.role_without_start(primary(standby_signal=True)) == "primary"
    assert fencing.role_without_start(standby(server=None)) == ""


def test_who_still_recovers_is_not_stopped_again() -> None:
    said = "psql: error: FATAL: the database system is starting up"
    recovering = replace(fenced(), marker="primary", unit="active", said=said)
    assert "When fab db.status shows it as primary" in fencing.why_left_starting(recovering)
    for other in (replace(fenced(), said="Connection refused"), primary(), "db1: silent."):
        assert fencing.why_left_starting(other) == ""


def test_what_it_means_to_let_a_host_up_is_said() -> None:
    follows = fencing.consequence_of_unfence("db1", pair(standby("db1"), promoted()))
    assert follows == "UNFENCE db1.  It is a standby: applications may reach it again."
    leads = fencing.consequence_of_unfence("db1", pair(fenced(), BARE))
    assert leads == "UNFENCE db1.  It starts as the primary, and applications write to it."
    alone = fencing.consequence_of_unfence("db1", pair(fenced(), "db2: silent."))
    assert alone.endswith("If db2 was promoted and lives, what is written splits.")
    diskless = fencing.consequence_of_unfence("db1", pair(fenced(), node("db2", control=None)))
    assert diskless == alone


# To rejoin.


def test_a_rejoin_is_planned_by_what_all_hosts_say(fleet: Fleet) -> None:
    old = fenced(checkpoint_lsn=FORK - 120)
    plan = plan_of(fleet, fleet.host("db1"), pair(old, promoted()))
    assert (plan.leader.name, plan.found.way, plan.loses) == ("db2", Way.FOLLOW, False)
    assert consequence(plan).startswith("REJOIN db1 as a standby of db2: it was stopped on")
    ahead = plan_of(fleet, fleet.host("db1"), pair(fenced(checkpoint_lsn=FORK), promoted()))
    assert ahead.loses
    assert "thrown away" in consequence(ahead)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (fenced(), "db2: silent.", "may be a newer primary"),
        ("db1: silent.", promoted(), "Nothing was changed"),
        (fenced(), standby(), "Nobody can be followed: none takes writes"),
        (primary(), standby(), "db1 is the primary"),
        (primary(), promoted(), "both take writes"),
        (fenced(), promoted(procedure={"step": "E6"}), "db2: a failover is under way"),
        (replace(fenced(), control=control(state=SHUT_DOWN)), promoted(), "anew: fab db.standby"),
        (
            node(control=control(state=SHUT_DOWN)),
            promoted(),
            "fab db.fence db1, then fab db.standby",
        ),
        (replace(fenced(), control=control(timeline=9)), promoted(), "past db2's 3"),
    ],
)
def test_a_rejoin_is_refused_before_anything_is_touched(
    fleet: Fleet, one: Node | str, other: Node | str, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        plan_of(fleet, fleet.host("db1"), pair(one, other))


def test_the_way_to_the_primary_has_no_password_in_it(fleet: Fleet) -> None:
    words = source_of(fleet.host("db2"))
    assert f"host={fleet.host('db2').address} " in words
    assert "passfile=/etc/stillhere/" in words
    assert "password" not in words
