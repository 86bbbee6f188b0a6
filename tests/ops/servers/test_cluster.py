"""The fleet's one cluster: where it is, how it is set, and that it is never made anew."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet
from provisioning.roles.database import IN_THE_MAKING
from tests.ops.operator import EMPTY, FAILED, PENDING, fab, shown_plan
from tests.ops.rehearsal import Rehearsal
from tests.ops.servers.databases import DATA, STREAMS, drop, rows, wait_for

pytestmark = pytest.mark.lab


def asked(rehearsal: Rehearsal, sql: str) -> list[str]:
    return rows(rehearsal, "db1", sql)


def doctor_says(fleet: Fleet, host: str, level: str) -> str:
    lines = json.loads(fab("doctor", "--fleet", str(fleet.path), "--json").stdout)
    about = ("database", host, level)
    return "\n".join(
        line["words"] for line in lines if (line["subject"], line["host"], line["level"]) == about
    )


def test_database_hosts_have_the_cluster_and_nobody_else_has_one(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    for host, state in (("db1", "online"), ("db2", "online,recovery")):
        shown = rehearsal.run(host, ["pg_lsclusters", "-h"]).split()
        assert shown[:4] == ["17", "main", "5432", state]
    assert rehearsal.run("obs1", ["pg_lsclusters", "-h"]) == ""
    (facts,) = asked(
        rehearsal,
        "SELECT current_setting('data_checksums'), pg_encoding_to_char(encoding), datcollate,"
        " pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'stillhere'",
    )
    assert facts == "on|UTF8|C.UTF-8|stillhere"


def test_every_setting_is_in_force_and_in_the_file_that_says_when_it_is_read(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    asked_for = (
        "SELECT regexp_replace(sourcefile, '.*/', ''), string_agg(DISTINCT %s, ' ')"
        " FROM pg_settings WHERE sourcefile LIKE '%%/conf.d/%%' GROUP BY 1 ORDER BY 1"
    )
    contexts = "CASE context WHEN 'postmaster' THEN 'start' ELSE 'reload' END"
    assert asked(rehearsal, asked_for % contexts) == [
        "stillhere-start.conf|start",
        "stillhere.conf|reload",
    ]
    unused = (
        "SELECT name, error FROM pg_file_settings"
        " WHERE sourcefile LIKE '%/conf.d/%' AND NOT applied"
    )
    assert asked(rehearsal, unused) == []


def test_passwords_and_verifiers_are_in_no_log(applied: Fleet, rehearsal: Rehearsal) -> None:
    vault = read_vault(vault_of(applied.path))
    for secret in (
        "SCRAM-SHA-256$",
        vault["database_password_app"].reveal(),
        vault["database_password_replication"].reveal(),
    ):
        journal = f"journalctl --no-pager -o verbose | grep -cFe '{secret}'"
        search = f"{journal}; grep -rlFe '{secret}' /var/log; true"
        for host in ("db1", "db2"):
            assert rehearsal.run(host, ["sh", "-c", search]).split() == ["0"]


def test_a_role_that_was_changed_by_hand_is_shown_and_mended(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    asked(rehearsal, "ALTER ROLE stillhere PASSWORD 'x'")
    asked(rehearsal, "ALTER ROLE replication SUPERUSER")
    asked(rehearsal, "GRANT CONNECT ON DATABASE stillhere TO PUBLIC")
    shown = shown_plan(applied)
    assert shown.returncode == PENDING
    for words in (
        "db1   ~ run      command postgresql-roles",
        "role stillhere has another password",
        "role replication may do other things than it should",
        "database stillhere is not there, or not its role's alone",
    ):
        assert words in shown.stdout
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert shown_plan(applied).returncode == EMPTY


def test_settings_by_hand_are_shown_and_taken_back_where_that_is_safe(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    try:
        asked(rehearsal, "ALTER SYSTEM SET jit = on")
        asked(rehearsal, "ALTER SYSTEM SET timezone = 'Europe/Berlin'")
        shown = shown_plan(applied)
        assert "setting jit is made in /var/lib/postgresql/17/main/postgresql.auto.conf" in (
            shown.stdout
        )
        assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    finally:
        asked(rehearsal, "ALTER SYSTEM RESET ALL")
    assert asked(rehearsal, "SHOW jit") == ["off"]
    assert asked(rehearsal, "SHOW timezone") == ["UTC"]
    assert shown_plan(applied).returncode == EMPTY


@pytest.mark.long
def test_what_is_not_ours_to_take_back_is_said_and_left(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    by_hand = "/etc/postgresql/17/main/conf.d/zz.conf"
    lines = "work_mem = 5MB\\nmax_connections = 321\\n"
    # A server that has just been started answers before systemd calls it started.
    rehearsal.run("db1", ["systemctl", "start", "postgresql@17-main"])
    try:
        rehearsal.run("db1", ["sh", "-c", f"printf '{lines}' > {by_hand}"])
        asked(rehearsal, "CREATE ROLE eve SUPERUSER")
        rehearsal.run("db1", ["systemctl", "reload", "postgresql@17-main"])
        tried = fab("apply", "--fleet", str(applied.path))
        superusers = asked(rehearsal, "SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY 1")
    finally:
        rehearsal.run("db1", ["rm", by_hand])
        asked(rehearsal, "DROP ROLE eve")
        rehearsal.run("db1", ["systemctl", "reload", "postgresql@17-main"])
    assert tried.returncode == FAILED
    for words in (
        f"setting work_mem is made in {by_hand}, which is read after ours: remove it there",
        "setting max_connections waits for a restart of PostgreSQL",
        "role eve is a superuser that nobody described",
    ):
        assert words in tried.stdout
        assert words in " ".join(tried.stderr.split())
    assert superusers == ["eve", "postgres"]
    assert shown_plan(applied).returncode == EMPTY


@pytest.fixture
def lost_data(applied: Fleet, rehearsal: Rehearsal) -> Iterator[None]:
    """Take the cluster's data away, as a disk does that was not mounted."""
    rehearsal.run("db1", ["systemctl", "stop", "postgresql@17-main"])
    rehearsal.run("db1", ["mv", DATA, f"{DATA}.away"])
    try:
        yield
    finally:
        rehearsal.run("db1", ["sh", "-c", f"rm -rf {DATA}; mv {DATA}.away {DATA}"])
        rehearsal.run("db1", ["systemctl", "start", "postgresql@17-main"])


@pytest.mark.long
def test_a_cluster_whose_data_is_away_is_not_made_anew(
    applied: Fleet, rehearsal: Rehearsal, lost_data: None
) -> None:
    tried = fab("apply", "--fleet", str(applied.path))
    assert tried.returncode == FAILED
    assert "postgresql-cluster" not in tried.stdout + tried.stderr
    assert "start    unit postgresql@17-main.service" in tried.stdout
    assert rehearsal.run("db1", ["sh", "-c", f"ls {DATA} 2>/dev/null | wc -l"]).strip() == "0"


@contextmanager
def made_by_hand(rehearsal: Rehearsal, name: str) -> Iterator[str]:
    """Make a cluster on the second host, which is stopped; give the directory of its data."""
    rehearsal.run("db2", ["pg_createcluster", "17", name])
    try:
        yield f"/var/lib/postgresql/17/{name}"
    finally:
        rehearsal.run("db2", ["pg_dropcluster", "--stop", "17", name])
        rehearsal.run("db2", ["rm", "-rf", f"/etc/postgresql/17/{name}"])


def test_a_second_primary_is_refused_and_a_standby_is_not(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.run("db2", ["mv", f"{DATA}/standby.signal", f"{DATA}/no.signal"])
    refused = shown_plan(applied)
    rehearsal.run("db2", ["mv", f"{DATA}/no.signal", f"{DATA}/standby.signal"])
    assert shown_plan(applied).returncode == EMPTY
    assert refused.returncode == FAILED
    assert "Nothing to do on 6 hosts, 2 not read." in refused.stderr
    for own, other in (("db1", "db2"), ("db2", "db1")):
        words = f"{own}: its cluster 17/main is no standby, and 17/main on {other} is none either"
        assert words in " ".join(refused.stderr.split())


@pytest.mark.long
def test_a_cluster_of_another_name_is_not_the_fleets(applied: Fleet, rehearsal: Rehearsal) -> None:
    with made_by_hand(rehearsal, "other"):
        assert shown_plan(applied).returncode == EMPTY
        assert "has 17/other, which is not the fleet's" in doctor_says(applied, "db2", "note")


@pytest.fixture
def dropped(applied: Fleet, rehearsal: Rehearsal) -> Iterator[None]:
    """Take both clusters away; of the first our settings stay, as pg_dropcluster leaves them."""
    own, away = "etc/postgresql/17/main", "/var/lib/stillhere-away"
    both = f"{own} var/lib/postgresql/17/main"
    stop = ["systemctl", "stop", "postgresql@17-main"]
    take = f"cd / && mkdir {away} && cp -a --parents {both} {away} && rm -r {both}"
    for host in ("db1", "db2"):
        rehearsal.run(host, stop)
        rehearsal.run(host, ["sh", "-c", take])
    rehearsal.run("db1", ["sh", "-c", f"cd / && mkdir -p {own} && cp -a {away}/{own}/conf.d {own}"])
    try:
        yield
    finally:
        back = f"cd / && rm -rf {both} && cp -a {away}/* / && rm -r {away}"
        for host in ("db1", "db2"):
            rehearsal.run(host, stop)
            rehearsal.run(host, ["sh", "-c", back])
        for host in ("db2", "db1"):  # the guard of a primary asks its standby
            rehearsal.run(host, ["systemctl", "start", "postgresql@17-main"])


@pytest.mark.long
def test_a_dropped_cluster_is_red_and_its_remains_are_named(
    applied: Fleet, rehearsal: Rehearsal, dropped: None
) -> None:
    assert "no host has a cluster, and db1 and db2 had an apply" in doctor_says(
        applied, "fleet", "red"
    )
    tried = fab("apply", "--fleet", str(applied.path))
    assert tried.returncode == FAILED
    assert "rm -r /etc/postgresql/17/main" in " ".join(tried.stderr.split())


@pytest.mark.long
def test_the_making_of_the_first_cluster_survives_a_power_cut(
    applied: Fleet, rehearsal: Rehearsal, dropped: None
) -> None:
    """What is left then is never taken for a cluster, and cleared away before the next try."""
    half = (
        "cd /var/lib/postgresql/17 && mkdir -p main/base/1 && echo 17 > main/PG_VERSION"
        " && cd /etc/postgresql/17/main && rm -r conf.d && touch postgresql.conf"
        f" && echo 17/main > {IN_THE_MAKING}"
    )
    rehearsal.run("db1", ["sh", "-c", half])
    tried = fab("apply", "--fleet", str(applied.path))
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "run      command postgresql-cluster" in tried.stdout
    assert shown_plan(applied).returncode == EMPTY
    assert asked(rehearsal, "SELECT datname FROM pg_database WHERE datname = 'stillhere'")
    assert asked(rehearsal, STREAMS) == ["db2|streaming"]
    rehearsal.run("db1", ["test", "!", "-e", IN_THE_MAKING])
    # Somebody has used it in the meantime: then it is not ours to clear away.
    drop(rehearsal, "db2")
    rehearsal.run("db1", ["sh", "-c", f"echo 17/main > {IN_THE_MAKING}"])
    refused = fab("apply", "--fleet", str(applied.path))
    rehearsal.run("db1", ["rm", IN_THE_MAKING])
    assert refused.returncode == FAILED
    assert "has somebody's databases" in refused.stderr


def test_while_the_primary_cannot_be_read_its_standby_stays_one(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.kill("db1")
    try:
        tried = fab("apply", "--fleet", str(applied.path), "--yes")
    finally:
        rehearsal.start("db1")
    assert tried.returncode == FAILED
    assert "Nothing to do on 7 hosts, 1 not read." in tried.stderr
    assert rehearsal.run("db2", ["test", "-e", f"{DATA}/standby.signal"]) == ""
    wait_for(lambda: rows(rehearsal, "db1", STREAMS) == ["db2|streaming"], "db2 to stream again")
    assert shown_plan(applied).returncode == EMPTY
