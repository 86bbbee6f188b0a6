"""Every red of the pre-flight is told with the host, the port and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from ops.databases.node import FENCED, Node, Receiver, Slot, Transaction
from ops.failover.preflight import Plan, Seen, judged
from tests.ops.backups.bucket import bucket
from tests.ops.backups.bucket import one as backup
from tests.ops.databases.nodes import LSN, MIB, SETTINGS, control, node, primary, standby

DATABASES = ["192.0.2.31:5432", "192.0.2.32:5432"]
URL = {
    "hosts": DATABASES,
    "options": {
        "target_session_attrs": "read-write",
        "connect_timeout": "2",
        "keepalives_idle": "5",
        "tcp_user_timeout": "3000",
    },
}
PLAN = Plan("db2", without_backup=True)
WELL = Seen(
    {"db1": primary(), "db2": standby()},
    {"app1": "", "app2": ""},
    "",
    {"app1": URL, "app2": URL},
    DATABASES,
    "db1",
)


def reds(seen: Seen, plan: Plan = PLAN) -> dict[str, str]:
    """Return the red points with their words."""
    found: dict[str, str] = {}
    for one in judged(plan, seen):
        if one.is_red:
            found[one.point] = f"{found.get(one.point, '')}{one.words}"
    return found


def with_nodes(**changed: Node | str) -> Seen:
    return replace(WELL, nodes={**WELL.nodes, **changed})


def following(**changed: Any) -> Node:
    """Return the standby with a server that differs."""
    one = standby()
    assert one.server
    return replace(one, server=replace(one.server, **changed))


def leading(**changed: Any) -> Node:
    """Return the primary with a server that differs."""
    one = primary()
    assert one.server
    return replace(one, server=replace(one.server, **changed))


def test_a_fleet_that_is_well_has_no_red() -> None:
    assert reds(WELL) == {}
    assert [one.point for one in judged(PLAN, WELL)] == ["P2", "P3", "P4", "P5", "P6", "P7", "P8"]


@pytest.mark.parametrize(
    ("seen", "point", "words"),
    [
        (with_nodes(db2="db2: no answer."), "P2", "db2 cannot be asked"),
        (with_nodes(db2=standby(server=None, said="down")), "P2", "does not answer: down"),
        (with_nodes(db1="db1: no answer."), "P2", "--primary-lost"),
        (with_nodes(db1=node("db1")), "P2", "no host takes writes"),
        (with_nodes(db2=primary("db2", "db1")), "P2", "it is no standby"),
        (with_nodes(db3=primary("db3")), "P2", "db1 and db3 both take writes"),
        (with_nodes(db1=leading(replicas=())), "P2", "does not stream from db1 (port 5432)"),
        (with_nodes(db2=following(receiver=None)), "P2", "does not stream from db1"),
        (
            with_nodes(db2=following(receiver=Receiver("waiting", "192.0.2.31", "db2"))),
            "P2",
            "does not stream",
        ),
        (with_nodes(db2=standby(fence=True)), "P2", "db2 is fenced"),
        (with_nodes(db2=standby(start_conf="disabled")), "P2", "db2 is fenced"),
        (with_nodes(db1=primary(marker=FENCED)), "P2", "db1 is fenced"),
        (
            with_nodes(db2=standby(control=control(system_identifier="1"))),
            "P3",
            "system identifier: db1 has 7423000000000000001, db2 has 1",
        ),
        (with_nodes(db2=standby(version="16")), "P3", "version: db1 has 17, db2 has 16"),
        (with_nodes(db2=following(timeline=2)), "P3", "timeline: db1 has 3, db2 has 2"),
        (with_nodes(db2=following(is_replay_paused=True)), "P4", "its replay is paused"),
        (with_nodes(db2=following(replay_lsn=LSN - 16 * MIB)), "P4", "too far behind db1"),
        (with_nodes(db1=leading(base_backups=1)), "P4", "db1: a base backup"),
        (with_nodes(db2=following(base_backups=1)), "P4", "db2: a base backup"),
        (with_nodes(db1=leading(prepared_transactions=2)), "P4", "2 prepared transactions"),
        (
            with_nodes(db1=leading(long_transactions=(Transaction(7, "psql", 61.0),))),
            "P4",
            "db1: process 7 (psql) has a transaction open since 61 s",
        ),
        (
            with_nodes(db2=following(settings=SETTINGS | {"max_connections": "100"})),
            "P4",
            "max_connections: db1 has 120, db2 has 100",
        ),
        (
            replace(WELL, logins={"app1": "", "app2": "does not get through to port 5432 of db2."}),
            "P5",
            "app2: does not get through to port 5432 of db2",
        ),
        (replace(WELL, replication="db1: nobody listens on port 5432 of db2."), "P5", "db1: no"),
        (with_nodes(db1=primary(control=control(checksums=False))), "P6", "db1: neither"),
        (with_nodes(db2=following(slots=())), "P6", "db2: has no slot db1"),
        (with_nodes(db2=standby(disk_free_bytes=10 * MIB)), "P6", "db2: 10 MiB free"),
        (replace(WELL, urls={"app1": URL | {"hosts": DATABASES[:1]}}), "P7", "192.0.2.32:5432"),
        (replace(WELL, urls={"app1": URL | {"options": {}}}), "P7", "lacks connect_timeout"),
        (replace(WELL, urls={"app1": {"lacks": "DATABASE_URL"}}), "P7", "app1: DATABASE_URL is"),
    ],
)
def test_what_is_wrong_is_red_and_says_where(seen: Seen, point: str, words: str) -> None:
    found = reds(seen)
    assert words in found[point]


def test_without_a_verified_backup_only_the_word_for_it_helps() -> None:
    wanted = replace(PLAN, without_backup=False)
    for known in (None, "obs1: no answer.", bucket(backup(1, verified=False)), bucket(backup(27))):
        seen = replace(WELL, backups=known)
        assert "Or say --without-backup" in reds(seen, wanted)["P8"]
        assert reds(seen) == {}


def test_with_a_verified_backup_nothing_is_left_out() -> None:
    wanted, seen = replace(PLAN, without_backup=False), replace(WELL, backups=bucket(backup(26)))
    assert reds(seen, wanted) == {}
    assert judged(wanted, seen)[-1].words == (
        "20261121T100000Z-1a2b3c, a dump of 26.0 hours ago came back"
    )


def test_a_lag_just_below_the_limit_is_well() -> None:
    assert reds(with_nodes(db2=following(replay_lsn=LSN - 16 * MIB + 1))) == {}


def test_of_a_lost_primary_only_the_standby_is_judged() -> None:
    lost = replace(PLAN, is_primary_lost=True)
    silent = with_nodes(db1="db1: no answer.", db2=following(receiver=None, slots=()))
    assert reds(silent, lost) == {}
    blocked = replace(silent, logins={"app1": "does not get through to port 5432 of db2."})
    assert list(reds(blocked, lost)) == ["P5"]


def test_of_two_standbys_the_one_that_has_more_follows_a_lost_primary() -> None:
    lost = replace(PLAN, is_primary_lost=True)
    less, more = following(lsn=LSN - 8, receiver=None), replace(following(), name="db3")
    silent = with_nodes(db1="db1: no answer.", db2=less, db3=more)
    assert "db3 has more of it than db2: fab db.failover --to db3" in reds(silent, lost)["P2"]
    assert reds(replace(silent, nodes={**silent.nodes, "db2": following()}), lost) == {}
    assert "P2" not in reds(with_nodes(db3=more))


def test_a_resumed_failover_does_not_ask_for_a_primary_that_it_has_stopped() -> None:
    resumed = replace(PLAN, is_resumed=True)
    slots = (Slot("db1", False, LSN, "reserved", 0),)
    stopped = node("db1", marker=FENCED, control=control(state="shut down"))
    seen = with_nodes(db1=stopped, db2=following(receiver=None, slots=slots))
    assert reds(seen, resumed) == {}
