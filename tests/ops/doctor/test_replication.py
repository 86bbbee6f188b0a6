"""What a doctor says of primary and standbys, from what the hosts have answered."""

from pathlib import Path
from typing import Any

import pytest

from ops.doctor import replication
from ops.doctor.seen import Level, Line, Seen
from ops.inventory import read_fleet
from provisioning.fleet import Cluster, Fleet, Machine
from tests.ops.databases.test_node import ANSWER
from tests.ops.inventories import inventory

MAIN, OTHER = Cluster("17", "main"), Cluster("16", "someones")
STREAMS = {"status": "streaming", "host": "192.0.2.16", "slot": "db2"}
STANDBY = {
    **ANSWER,
    "marker": None,
    "standby_signal": True,
    "server": {**ANSWER["server"], "is_standby": True, "receiver": STREAMS, "slots": []},
}
PRIMARY = {**ANSWER, "server": {**ANSWER["server"], "slots": []}}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


def machine(*clusters: Cluster, applied: str = "yes") -> Machine:
    return Machine("13", 2**30, 2, 20_000, True, clusters, applied, 0.0)


def lines(
    fleet: Fleet,
    machines: dict[str, Machine],
    answers: dict[str, dict[str, Any]],
    troubles: dict[str, str] | None = None,
) -> list[Line]:
    by_host = {name: {"cluster": one} for name, one in answers.items()}
    seen = Seen(fleet, machines, {}, troubles or {}, by_host, {})
    return list(replication.lines(seen))


def test_only_hosts_with_a_cluster_are_asked(fleet: Fleet) -> None:
    machines = {"db1": machine(MAIN), "db2": machine(), "app1": machine()}
    asked = {name: replication.questions(fleet, fleet.host(name), machines) for name in machines}
    assert list(asked["db1"]) == ["cluster"]
    assert asked["db2"] == asked["app1"] == {}


def test_a_pair_that_is_well_is_two_green_lines(fleet: Fleet) -> None:
    machines = {"db1": machine(MAIN), "db2": machine(MAIN)}
    assert lines(fleet, machines, {"db1": PRIMARY, "db2": STANDBY}) == [
        Line("database", "fleet", Level.GREEN, "db1 is primary, db2 standby"),
        Line("database", "db2", Level.GREEN, "streams from db1, lag 0 B, 0.0 s"),
    ]


def test_what_is_wrong_is_red_and_the_host_is_not_green_as_well(fleet: Fleet) -> None:
    machines = {"db1": machine(MAIN, OTHER), "db2": machine(MAIN)}
    paused = {**STANDBY, "server": {**STANDBY["server"], "is_replay_paused": True}}
    note, first, second = lines(fleet, machines, {"db1": PRIMARY, "db2": paused})
    assert (note.host, note.level) == ("db1", Level.NOTE)
    assert "16/someones" in note.words
    assert first.level is Level.GREEN
    assert (second.host, second.level) == ("db2", Level.RED)
    assert "replay is paused" in second.words


def test_a_host_without_cluster_or_answer_is_said(fleet: Fleet) -> None:
    machines = {"db1": machine(MAIN), "db2": machine()}
    note, first = lines(fleet, machines, {"db1": PRIMARY, "db2": {}})
    assert (note.host, note.level) == ("db2", Level.NOTE)
    assert (first.level, first.words) == (Level.GREEN, "db1 is primary")
    silent = lines(fleet, {"db1": machines["db1"]}, {"db1": PRIMARY}, {"db2": "db2: silent."})
    assert [one.words for one in silent] == ["db1 is primary; db2 could not be asked"]
    failed, whole = lines(fleet, machines | {"db2": machine(MAIN)}, {
        "db1": {"failed": "Command timed out"}, "db2": STANDBY})  # fmt: skip
    assert "could not be examined: Command timed out" in failed.words
    assert whole.level is Level.RED


def test_a_cluster_that_vanished_is_red(fleet: Fleet) -> None:
    machines = {"db1": machine(), "db2": machine(applied="")}
    *notes, last = lines(fleet, machines, {"db1": {}, "db2": {}})
    assert [one.level for one in notes] == [Level.NOTE, Level.NOTE]
    assert (last.host, last.level) == ("fleet", Level.RED)
    assert "no host has a cluster, and db1 had an apply" in last.words
