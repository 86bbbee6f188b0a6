"""What is said of database hosts: nothing when all is well, and each fault once."""

from dataclasses import replace
from typing import Any

import pytest

from ops.databases.fencing import why_not_unfenced
from ops.databases.judging import (
    MOST_LAG_BYTES,
    Lag,
    findings,
    lag_of,
    sized,
    the_primary,
    who_is_primary,
)
from ops.databases.node import Node, Receiver, Server, Slot
from tests.ops.databases.nodes import LSN, MIB, SETTINGS, control, node, primary, server, standby

GUARD = {"at": "2027-01-01T00:00:00Z", "decision": "refuse", "why": "db2 does not answer"}


def said(*nodes: Node | str) -> list[tuple[str, bool, str]]:
    by_name = {f"host{number}" if isinstance(one, str) else one.name: one
               for number, one in enumerate(nodes)}  # fmt: skip
    return [(one.host, one.is_red, one.words) for one in findings(by_name)]


def serving(**changed: Any) -> Server:
    found = standby().server
    assert found
    return replace(found, **changed)


def leading(**changed: Any) -> Server:
    found = primary().server
    assert found
    return replace(found, **changed)


def test_a_primary_with_a_standby_that_streams_is_well() -> None:
    assert said(primary(), standby()) == []
    assert said(primary(), standby(marker="fenced")) == []
    assert said(primary(), "db2: no answer") == []
    assert said(node("db2", version="", control=None, server=None)) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (primary(marker=""), "takes writes, and its marker says nothing"),
        (primary(marker="unreadable"), "nothing starts it. fab db.unfence db1"),
        (primary(marker="fenced"), "nothing keeps applications out: fab db.fence db1"),
        (primary(fence=True, fence_file=True), "keeps applications out"),
        (primary(fence_file=True), "keeps applications out"),
        (primary(marker="fenced", fence=True), "is fenced until its next boot only"),
        (primary(start_conf="manual"), "no boot starts it"),
        (primary(procedure={"step": "E4"}), "a failover is under way here"),
        (primary(server=leading(slots=(Slot("db2", False, LSN, "reserved", 5 * MIB),))),
         "slot db2 keeps 5 MiB for a standby that is not there"),
        (primary(server=leading(slots=(Slot("db2", False, None, "lost", 0),))), "has lost what"),
        (primary(server=leading(slots=(Slot("db2", True, LSN, "unreserved", 9),))), "about to"),
        (primary(server=None, said="refused", unit="failed"), "does not answer (failed): refused"),
        (primary(server=None, guard=GUARD, unit="failing"), "refuses to start it, again and again:"
         " db2 does not answer"),
        (node(server=None, marker="fenced", unit="inactive"), "is fenced (by anna@desk)"),
    ],
)  # fmt: skip
def test_each_fault_of_a_primary_is_red(wrong: Node, words: str) -> None:
    found = [one for one in said(wrong, standby()) if words in one[2]]
    assert [(host, is_red) for host, is_red, _ in found] == [("db1", True)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (standby(server=serving(is_replay_paused=True)), "its replay is paused"),
        (standby(server=serving(receiver=None)), "does not stream from db1: no receiver runs"),
        (standby(server=serving(receiver=Receiver("starting", "", ""))), "from db1: starting"),
        (standby(server=serving(timeline=2)), "is on timeline 2, db1 on 3"),
        (standby(server=serving(replay_lsn=LSN - MOST_LAG_BYTES - 1)), "is too far behind db1"),
        (standby(server=serving(settings=SETTINGS | {"max_connections": "119"})),
         "max_connections is 119, db1 has 120"),
        (standby(control=control(system_identifier="1")), "is no copy of db1"),
        (standby(rewinding="by anna@desk"), "a rewind was cut off (by anna@desk)"),
        (standby(marker="fenced", server=None, said="refused", unit="failed"), "does not answer"),
        (standby(start_conf="disabled"), "start.conf says disabled"),
        (standby(fence=True), "and it is a standby: fab db.unfence db2"),
        (standby(fence=True, fence_file=True), "and it is a standby: fab db.unfence db2"),
    ],
)  # fmt: skip
def test_each_fault_of_a_standby_is_red(wrong: Node, words: str) -> None:
    (found,) = said(primary(), wrong)
    assert found[:2] == ("db2", True)
    assert words in found[2]


def test_some_things_are_only_to_note() -> None:
    slow = serving(replay_lsn=LSN - MIB, replay_age_seconds=90.0)
    left = serving(slots=(Slot("db1", False, 1, "extended", 2_048 * MIB),))
    bare = control(checksums=False)
    for one in (
        standby(server=slow),
        standby(server=left),
        standby(control=bare),
        standby(peer_is_dead=True),
    ):
        (found,) = said(primary(), one)
        assert found[:2] == ("db2", False), found


def test_a_standby_that_has_everything_does_not_age() -> None:
    idle = standby(server=serving(replay_age_seconds=9_000.0))
    assert lag_of(idle, primary()) == Lag(0, 0.0)
    behind = standby(server=serving(replay_lsn=LSN - 10, replay_age_seconds=2.0))
    assert str(lag_of(behind, primary())) == "lag 10 B, 2.0 s"
    unknown = standby(server=serving(replay_lsn=LSN - 10, replay_age_seconds=None))
    assert str(lag_of(unknown, primary())) == "lag 10 B, of unknown age"
    assert lag_of(idle, None) is None
    assert lag_of(primary(), primary()) is None


def test_only_one_that_takes_writes_is_the_primary() -> None:
    assert the_primary({"db1": primary(), "db2": standby()}) == primary()
    assert the_primary({"db1": primary(), "db2": node("db2", server=server())}) is None
    assert the_primary({"db1": "silent", "db2": standby()}) is None


def test_who_is_primary_is_said_with_who_follows_and_who_is_silent() -> None:
    bare = node("db3", version="", control=None)
    well = {"db1": primary(), "db2": standby(), "db3": bare}
    assert who_is_primary(well) == (True, "db1 is primary, db2 standby")
    two = {"db1": primary(), "db2": node("db2", server=server(timeline=4))}
    is_well, words = who_is_primary(two)
    assert not is_well
    assert words.startswith("db1 (timeline 3) and db2 (timeline 4) both take writes.")
    assert who_is_primary({"db1": node(), "db2": standby()}) == (
        False,
        "none takes writes; db1 could not be asked. Start the primary, or fab db.failover.",
    )
    is_well, words = who_is_primary({"db1": primary(), "db2": "db2: no answer"})
    assert (is_well, words) == (True, "db1 is primary; db2 could not be asked")


def test_sizes_are_short() -> None:
    sizes = (0, 1023, 1536, 16 * MIB, 5_000_000 * MIB)
    assert [sized(one) for one in sizes] == ["0 B", "1023 B", "1.5 KiB", "16 MiB", "4882.8 GiB"]


@pytest.mark.parametrize(
    "one",
    [
        primary(marker="unreadable"),
        primary(marker="unreadable", server=None, unit="failing"),
        primary(fence=True, fence_file=True),
        standby(fence=True, fence_file=True),
        standby(fence=True),
    ],
)
def test_who_is_said_to_need_an_unfence_is_not_refused_it(one: Node) -> None:
    other = standby() if one.name == "db1" else primary()
    words = [words for host, _, words in said(one, other) if host == one.name]
    assert any(f"fab db.unfence {one.name}" in each for each in words)
    assert not any("fab apply" in each for each in words)
    assert why_not_unfenced(one.name, {each.name: each for each in (one, other)},
                            peer_is_dead=False) == ""  # fmt: skip
