"""The fleet's one cluster: where it is, how it is set, and that it is never made anew."""

from collections.abc import Iterator

import pytest

from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet
from tests.ops.operator import EMPTY, FAILED, PENDING, fab, shown_plan
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab
DATA = "/var/lib/postgresql/17/main"


def asked(rehearsal: Rehearsal, sql: str) -> list[str]:
    command = ["runuser", "-u", "postgres", "--", "psql", "-XAtc", sql]
    return rehearsal.run("db1", command).splitlines()


def test_the_first_database_host_has_the_cluster_and_the_second_has_none(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    assert rehearsal.run("db1", ["pg_lsclusters", "-h"]).split()[:4] == [
        "17",
        "main",
        "5432",
        "online",
    ]
    for host in ("db2", "obs1"):
        assert rehearsal.run(host, ["pg_lsclusters", "-h"]) == ""
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
        journal = f"journalctl --no-pager -o verbose | grep -cF '{secret}'"
        search = f"{journal}; grep -rlF '{secret}' /var/log; true"
        assert rehearsal.run("db1", ["sh", "-c", search]).split() == ["0"]


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


def test_a_cluster_whose_data_is_away_is_not_made_anew(
    applied: Fleet, rehearsal: Rehearsal, lost_data: None
) -> None:
    tried = fab("apply", "--fleet", str(applied.path))
    assert tried.returncode == FAILED
    assert "postgresql-cluster" not in tried.stdout + tried.stderr
    assert "start    unit postgresql@17-main.service" in tried.stdout
    assert rehearsal.run("db1", ["sh", "-c", f"ls {DATA} 2>/dev/null | wc -l"]).strip() == "0"


def test_while_a_database_host_cannot_be_read_none_is_made_on_the_other(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.kill("db1")
    try:
        tried = fab("apply", "--fleet", str(applied.path), "--yes")
    finally:
        rehearsal.start("db1")
    assert tried.returncode == FAILED
    assert "Nothing to do on 7 hosts, 1 not read." in tried.stderr
    assert rehearsal.run("db2", ["pg_lsclusters", "-h"]) == ""
    assert shown_plan(applied).returncode == EMPTY
