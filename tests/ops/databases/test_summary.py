"""The tables of fab db.status, and the same for programs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ops.databases import summary
from ops.databases.node import Connections, Node
from ops.databases.summary import Journal, Seen
from ops.inventory import read_fleet
from provisioning.fleet import Fleet
from tests.ops.backups.bucket import bucket, one
from tests.ops.databases.nodes import node, primary, server, standby
from tests.ops.inventories import inventory


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


def well(fleet: Fleet) -> Seen:
    leader = primary()
    assert leader.server
    drain = Connections("stillhere", "stillhere", fleet.host("app2").address6, 7)
    running = replace(leader.server, connections=(drain,))
    nodes = {"db1": replace(leader, server=running), "db2": standby()}
    return Seen(fleet, nodes, [Journal("app2", "0", 3, 2**20)])


def test_the_tables_say_all_that_a_person_looks_for(fleet: Fleet) -> None:
    assert summary.lines(well(fleet)) == [
        "HOST  ROLE     STATE             TIMELINE  WRITTEN     REPLAYED    LAG",
        "db1   primary  accepting writes  3         3/5E0001A8  -           -",
        "db2   standby  streaming         3         3/5E0001A8  3/5E0001A8  0 B, 0.0 s",
        "",
        "HOST  SLOT  USE       WAL               KEEPS",
        "db1   db2   in use    reserved          0 B",
        "db2   db1   not used  nothing reserved  0 B",
        "",
        "HOST  APPLICATION  AS         FROM  CONNECTIONS",
        "db1   stillhere    stillhere  app2  7",
        "",
        "SERVER  JOURNAL  SEGMENTS  SIZE",
        "app2    0        3         1 MiB",
        "",
        "last verified backup: none is known",
    ]
    assert summary.troubles(well(fleet)) == []
    assert summary.notes(well(fleet)) == []


def test_the_newest_verified_backup_is_told_and_an_old_one_is_red(fleet: Fleet) -> None:
    young = replace(well(fleet), backups=bucket(one(2), one(1, verified=False)))
    assert summary.lines(young)[-1] == (
        "last verified backup: 20261122T100000Z-1a2b3c, a dump of 2.0 hours ago"
    )
    assert summary.troubles(young) == []
    assert summary.as_json(young)["last_verified_backup"]["age_seconds"] == 7_200
    assert summary.as_json(well(fleet))["last_verified_backup"] is None
    (trouble,) = summary.troubles(replace(young, backups=bucket(one(27))))
    assert "no verified backup of the last 26 hours" in trouble
    (trouble,) = summary.troubles(replace(young, backups="obs1: no answer."))
    assert trouble.endswith("obs1: no answer.")


def test_programs_get_the_same(fleet: Fleet) -> None:
    found = json.loads(json.dumps(summary.as_json(well(fleet))))
    assert found["primary"] == "db1"
    first, second = found["hosts"]
    assert (first["role"], first["lag_bytes"]) == ("primary", None)
    assert (second["role"], second["lag_bytes"], second["lag_seconds"]) == ("standby", 0, 0.0)
    assert second["replay_lsn"] == "3/5E0001A8"
    assert first["slots"][0]["restart_lsn"] == "3/5E0001A8"
    assert found["red"] == found["notes"] == []


@pytest.mark.parametrize(
    ("one", "role", "state"),
    [
        ("db1: no answer within 10 s.", "unknown", "no answer"),
        (node(version="", control=None), "none", "no cluster"),
        (node(marker="fenced", unit="inactive"), "fenced", "inactive"),
        (node(unit="failed"), "stopped", "failed"),
        (node(standby_signal=True, unit="failed"), "standby", "failed"),
        (primary(fence=True), "primary", "fenced, accepting writes"),
        (standby("db1", server=server(is_standby=True, is_replay_paused=True)), "standby",
         "not streaming, replay paused"),
    ],
)  # fmt: skip
def test_a_host_has_a_role_and_a_state(one: Node | str, role: str, state: str) -> None:
    assert (summary.role_of(one), summary.state_of(one)) == (role, state)


def test_who_does_not_answer_is_red(fleet: Fleet) -> None:
    seen = Seen(fleet, {"db1": "db1: silent.", "db2": standby()}, (), {"app1": "app1: silent."})
    first, *rest = summary.troubles(seen)
    assert first.startswith("none takes writes; db1 could not be asked")
    assert rest == ["db1: silent.", "app1: silent."]
    assert summary.as_json(seen)["hosts"][0] == {
        "name": "db1",
        "role": "unknown",
        "state": "no answer",
        "trouble": "db1: silent.",
    }
