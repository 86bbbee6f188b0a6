"""Old primaries come back, fences hold and standbys are worked on: on real Debian hosts."""

import contextlib
import json
from collections.abc import Iterator

import pytest

from ops.audit import Audit
from ops.console import Console
from ops.databases import rejoining
from ops.deploy.desk import Desk
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Step, Telling
from tests.ops.databases.hands import WELL, Databases
from tests.ops.operator import fab

pytestmark = pytest.mark.lab
MAKE = "CREATE TABLE IF NOT EXISTS test_rejoin (word text)"
READ = "SELECT string_agg(word, ' ' ORDER BY word) FROM test_rejoin"


def note(databases: Databases, host: str, word: str) -> None:
    databases.ask(host, f"INSERT INTO test_rejoin VALUES ('{word}')")  # noqa: S608 (our own)


def doctor_says(databases: Databases) -> list[str]:
    """Return what a doctor says of the databases: host, level, words."""
    lines = json.loads(fab("doctor", "--fleet", str(databases.fleet.path), "--json").stdout)
    return [
        f"{one['host']} {one['level']}: {one['words']}"
        for one in lines
        if one["subject"] == "database"
    ]


def test_status_and_doctor_say_who_follows_whom(databases: Databases) -> None:
    status, said = databases.fab("db.status")
    assert status == 1, said  # for one reason, which `databases.status` leaves out
    assert "last verified backup: none is known" in said
    assert "whether a backup comes back is not known: obs1: has no release" in said
    found = databases.status()
    assert found["primary"] == "db1"
    assert found["red"] == []
    assert databases.roles() == WELL
    slots = {(one["name"], slot["name"], slot["is_active"]) for one in found["hosts"]
             for slot in one["slots"]}  # fmt: skip
    assert slots == {("db1", "db2", True), ("db2", "db1", False)}
    whole, stream, *logins = doctor_says(databases)
    assert whole == "fleet green: db1 is primary, db2 standby"
    assert stream.startswith("db2 green: streams from db1, lag ")
    assert all(one.endswith(" green: logs in at db1 and db2") for one in logins)


@pytest.mark.long
def test_after_a_switch_the_old_primary_follows_and_back(databases: Databases) -> None:
    databases.ask("db1", MAKE)
    databases.switch("db1", "db2")
    note(databases, "db2", "after")
    assert "is fenced (by test@here" in databases.fab("db.status")[1]
    status, said = databases.fab("db.rejoin", "db1")  # nothing is lost: no name is asked for
    assert status == 0, said
    assert "REJOIN db1 as a standby of db2: it was stopped on timeline" in said
    found = databases.status()
    assert found["red"] == [], found
    assert found["primary"] == "db2"
    assert databases.ask("db1", READ) == "after"
    again = databases.fab("db.rejoin", "db1")
    assert again[0] == 0
    assert "it streams from db2" in again[1]


@pytest.mark.long
def test_what_only_the_old_primary_has_is_named_before_it_is_thrown_away(
    databases: Databases,
) -> None:
    databases.ask("db1", MAKE)
    note(databases, "db1", "both")
    databases.wait(lambda: "both" in databases.ask("db2", READ), "the standby")
    databases.ask("db2", "ALTER SYSTEM SET primary_conninfo = ''")
    databases.ask("db2", "SELECT pg_reload_conf()")
    databases.wait(
        lambda: databases.ask("db2", "SELECT count(*) FROM pg_stat_wal_receiver") == "0", "the cut"
    )
    note(databases, "db1", "lost")
    databases.crash("db1")
    databases.ask("db2", "ALTER SYSTEM RESET primary_conninfo")
    databases.promote("db2")
    note(databases, "db2", "new")
    refused = databases.fab("db.rejoin", "db1")
    assert refused[0] == 1, refused[1]
    assert "It is rewound: what db1 wrote and db2 does not have is thrown away." in refused[1]
    assert "Say --confirm db1" in refused[1]
    assert databases.roles()["db1"].startswith("fenced, ")
    status, said = databases.fab("db.rejoin", "db1", "--confirm", "db1")
    assert status == 0, said
    databases.wait(lambda: "new" in databases.ask("db1", READ), "the rewound one")
    words = databases.ask("db1", READ)
    assert "lost" not in words
    assert words == databases.ask("db2", READ)
    assert databases.status()["red"] == []


@pytest.mark.long
def test_who_wrote_on_the_primarys_own_timeline_has_to_be_cloned(databases: Databases) -> None:
    """Round the guard, as somebody might: by pg_ctl, and with no standby.signal."""
    databases.act("db2", "stop_database", seconds=60)
    version = databases.rehearsal.run("db2", ["ls", "/var/lib/postgresql"]).strip()
    data, settings = f"/var/lib/postgresql/{version}/main", f"/etc/postgresql/{version}/main"
    program = f"/usr/lib/postgresql/{version}/bin/pg_ctl -w -D {data} -l /dev/null"
    start = f"{program} -o '-c config_file={settings}/postgresql.conf' start"
    databases.rehearsal.run("db2", ["rm", f"{data}/standby.signal"])
    databases.rehearsal.run("db2", ["runuser", "-u", "postgres", "--", "sh", "-c", start])
    try:
        databases.ask("db2", "CREATE TABLE test_rogue (word text)")
        assert "both take writes" in databases.fab("db.status")[1]
        whole, *_ = doctor_says(databases)
        assert whole.startswith("fleet red: db1 (timeline ")
        assert "both take writes" in whole
    finally:
        databases.rehearsal.run(
            "db2", ["runuser", "-u", "postgres", "--", "sh", "-c", f"{program} -m fast stop"]
        )
    status, said = databases.fab("db.rejoin", "db2", "--confirm", "db2")
    assert status == 1
    assert "it may have rows that no rewind would find" in said
    assert "It is cloned anew: fab db.fence db2, then fab db.standby db2 --reclone" in said
    assert databases.roles()["db2"].startswith("stopped, ")


@pytest.mark.long
def test_a_fence_holds_over_a_boot_and_is_taken_back_by_hand(databases: Databases) -> None:
    address = databases.fleet.host("db1").address
    knock = ["python3", "-c", f"import socket; socket.create_connection(('{address}', 5432), 3)"]
    databases.rehearsal.run("app1", knock)
    status, said = databases.fab("db.fence", "db1")
    assert status == 1
    assert "no database takes writes until" in said
    status, said = databases.fab("db.fence", "db1", "--confirm", "db1")
    assert status == 0, said
    assert databases.roles()["db1"].startswith("fenced, ")
    databases.rehearsal.kill("db1")
    databases.rehearsal.start("db1")
    assert databases.unit("db1") != "active"
    tables = databases.rehearsal.run("db1", ["nft", "list", "tables"])
    assert "inet stillhere_fence" in tables
    status, said = databases.fab("db.unfence", "db1", "--confirm", "db1")
    assert status == 0, said
    databases.rehearsal.run("app1", knock)
    databases.wait(lambda: databases.roles() == WELL, "the standby")
    assert databases.status()["red"] == []


@pytest.mark.long
def test_a_server_that_does_not_stop_is_ended_by_a_fence(databases: Databases) -> None:
    version = databases.rehearsal.run("db1", ["ls", "/var/lib/postgresql"]).strip()
    freeze = ["systemctl", "kill", "--signal=SIGSTOP", f"postgresql@{version}-main.service"]
    databases.rehearsal.run("db1", freeze)
    assert "its PostgreSQL does not answer (active)" in databases.fab("db.status")[1]
    status, said = databases.fab("db.fence", "db1", "--confirm", "db1")
    assert status == 0, said
    assert "ended, since it did not stop" in said
    assert databases.roles()["db1"].startswith("fenced, ")
    status, said = databases.fab("db.unfence", "db1", "--confirm", "db1")
    assert status == 0, said
    databases.wait(lambda: databases.roles() == WELL, "the standby")


class Cut(Exception):
    """The operator's command has ended here."""


class Cutting(Telling):
    """Ends the command at the begin of a step."""

    at = ""

    @contextlib.contextmanager
    def step(self, name: str, where: str = "") -> Iterator[Step]:
        if name == self.at:
            raise Cut
        with super().step(name, where) as step:
            yield step


def rejoin_until(databases: Databases, host: str, at: str) -> None:
    telling = Cutting(Console(), len(host))
    telling.at = at
    with databases.sessions() as sessions:
        audit = Audit(databases.fleet.name, "a test")
        desk = Desk(databases.fleet, sessions, audit, telling, Stopping())
        rejoining.rejoin(desk, rejoining.planned(desk, databases.fleet.host(host)))


@pytest.mark.long
def test_a_rejoin_that_is_cut_off_is_finished_by_the_next(databases: Databases) -> None:
    old, new = "db1", "db2"
    for at in ("stop", "start", "stream"):
        databases.switch(old, new)
        with pytest.raises(Cut):
            rejoin_until(databases, old, at)
        status, said = databases.fab("db.rejoin", old)
        assert status == 0, said
        found = databases.status()
        assert (found["primary"], found["red"]) == (new, [])
        (left,) = (slot for one in found["hosts"] if one["name"] == old for slot in one["slots"])
        assert (left["name"], left["restart_lsn"]) == (new, None)
        old, new = new, old


@pytest.mark.long
def test_a_guard_that_refuses_is_told_until_an_operator_vouches(databases: Databases) -> None:
    databases.act("db1", "stop_database", seconds=60)
    databases.rehearsal.cut("db2")
    try:
        start = "systemctl start --no-block postgresql@$(ls /var/lib/postgresql)-main"
        databases.rehearsal.run("db1", ["sh", "-c", start])
        databases.wait(lambda: "refuses to start it" in databases.fab("db.status")[1], "the guard")
        status, said = databases.fab("db.unfence", "db1", "--confirm", "db1")
        assert status == 1
        assert "When it is dead and stays dead: --peer-is-dead" in said
        status, said = databases.fab("db.unfence", "db1", "--peer-is-dead", "--confirm", "db1")
        assert status == 0, said
        assert databases.roles()["db1"] == WELL["db1"]
    finally:
        databases.rehearsal.uncut("db2")
    databases.wait(lambda: databases.roles() == WELL, "the standby")


@pytest.mark.long
def test_a_standby_is_booted_anew_and_a_primary_is_not(databases: Databases) -> None:
    status, said = databases.fab("hosts.reboot", "db1", "--yes")
    assert status == 1
    assert "db1 is the primary, and is worked on only as a standby" in said
    assert "fab db.failover --to db2 first" in said
    boot = ["cat", "/proc/sys/kernel/random/boot_id"]
    before = databases.rehearsal.run("db2", boot)
    status, said = databases.fab("hosts.reboot", "db2", "--yes")
    assert status == 0, said
    assert databases.rehearsal.run("db2", boot) != before
    assert databases.roles() == WELL
    databases.ask("db2", "SELECT pg_wal_replay_pause()")
    try:
        status, said = databases.fab("hosts.update", "db2", "--yes")
        assert status == 1
        assert "its replay is paused" in said
    finally:
        databases.ask("db2", "SELECT pg_wal_replay_resume()")
