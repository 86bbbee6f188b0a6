"""A standby from a bare host, and the guard that keeps a second primary from starting."""

import json
import threading
from datetime import UTC, datetime

import pytest

from ops.agent import clusters, failing_over
from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet, Role
from provisioning.flows import POSTGRESQL
from provisioning.programs import standing_by, start_guard
from provisioning.replication import GUARD_DROP_IN, PASSWORDS, PEERS
from tests.ops.operator import EMPTY, FAILED, fab, shown_plan
from tests.ops.rehearsal import Rehearsal
from tests.ops.servers.databases import DATA, STREAMS, drop, rows, wait_for
from tests.ops.servers.logins import logins

pytestmark = pytest.mark.lab
STARTED = "SELECT pg_postmaster_start_time()"
SLOTS = "SELECT slot_name, active, restart_lsn IS NOT NULL FROM pg_replication_slots ORDER BY 1"
GUARD_SAID = "/run/stillhere-guard.json"
AT_START = "/etc/postgresql/17/main/conf.d/stillhere-start.conf"


def guard_said(rehearsal: Rehearsal, host: str) -> dict[str, str]:
    said = rehearsal.run(host, ["sh", "-c", f"cat {GUARD_SAID} 2>/dev/null || echo '{{}}'"])
    found: dict[str, str] = json.loads(said)
    return found


def applies(fleet: Fleet) -> None:
    done = fab("apply", "--fleet", str(fleet.path), "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = shown_plan(fleet)
    assert shown.returncode == EMPTY, shown.stdout + shown.stderr


def test_the_second_database_host_streams_from_the_first(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]
    assert rows(rehearsal, "db1", SLOTS) == ["db2|t|t"]
    assert rows(rehearsal, "db2", SLOTS) == ["db1|f|f"]  # for after a failover
    for setting in ("data_checksums", "max_connections", "max_wal_senders"):
        both = {rows(rehearsal, host, f"SHOW {setting}")[0] for host in ("db1", "db2")}
        assert len(both) == 1, setting
    assert rows(rehearsal, "db2", "SELECT datname FROM pg_database WHERE datname = 'stillhere'")
    assert guard_said(rehearsal, "db2")["why"] == "a standby always starts"
    rehearsal.run("db2", ["test", "!", "-e", str(start_guard.MARKER)])
    marker = json.loads(rehearsal.run("db1", ["cat", str(start_guard.MARKER)]))
    assert marker["role"] == "primary"


def test_the_replication_role_may_read_what_a_rewind_reads_and_no_more(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    way = (
        f"host={applied.host('db1').address} dbname=postgres user=replication sslmode=require"
        f" connect_timeout=5 passfile={PASSWORDS}"
    )
    ask = ["sh", "-c", '"$@" 2>&1 || :', "-", "psql", "-XAtq", way, "-c"]
    listed = rehearsal.run("db2", [*ask, "SELECT pg_ls_dir('.', false, false)"])
    assert "PG_VERSION" in listed
    passwords = rehearsal.run("db2", [*ask, "SELECT rolpassword FROM pg_authid"])
    assert "permission denied" in passwords
    password = read_vault(vault_of(applied.path))["database_password_replication"].reveal()
    asked = {
        "host": applied.host("db1").address, "dbname": "postgres", "user": "replication",
        "password": password, "sslmode": "require",
    }  # fmt: skip
    (refused,) = logins(rehearsal, "app1", [asked])
    assert "no pg_hba.conf entry" in refused


def test_two_hosts_that_lose_their_power_together_find_their_roles_again(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """The primary is on first, and has to wait for the standby."""
    for host in ("db1", "db2"):
        rehearsal.kill(host)
    rehearsal.start("db1")
    wait_for(lambda: guard_said(rehearsal, "db1").get("decision") == "refuse", "the guard")
    assert "no answer from db2" in guard_said(rehearsal, "db1")["why"]
    assert rows(rehearsal, "db1", STREAMS) == []
    rehearsal.start("db2")
    wait_for(lambda: rows(rehearsal, "db1", STREAMS) == ["db2|streaming"], "db2 to stream")
    assert shown_plan(applied).returncode == EMPTY


def test_a_fence_outlives_a_reload_and_is_no_drift(applied: Fleet, rehearsal: Rehearsal) -> None:
    """What a failover puts there is the firewall's, too."""
    fence, rules = clusters.FENCE_FILE, failing_over.rules(["192.0.2.7", "2001:db8::7"], 5432)
    rehearsal.run("db2", ["sh", "-c", f"cat >{fence} <<'END'\n{rules}END\nnft -f {fence}"])
    try:
        assert shown_plan(applied).returncode == EMPTY
        rehearsal.run("db2", ["systemctl", "reload", "nftables"])
        assert "stillhere_fence" in rehearsal.run("db2", ["nft", "list", "tables"])
    finally:
        rehearsal.run("db2", ["rm", fence])
        rehearsal.run("db2", ["nft", "delete", "table", "inet", "stillhere_fence"])
    assert shown_plan(applied).returncode == EMPTY


@pytest.mark.long
def test_a_copy_that_a_power_cut_ended_is_made_anew(applied: Fleet, rehearsal: Rehearsal) -> None:
    drop(rehearsal, "db2")
    tried = []
    apply = threading.Thread(
        target=lambda: tried.append(fab("apply", "--fleet", str(applied.path), "--yes"))
    )
    apply.start()
    mark = ["sh", "-c", f"test -e {standing_by.MARK} && echo there || :"]
    while apply.is_alive() and not rehearsal.run("db2", mark):
        pass
    rehearsal.kill("db2")
    apply.join()
    rehearsal.start("db2")
    assert tried[0].returncode == FAILED, tried[0].stdout + tried[0].stderr
    rehearsal.run("db2", ["sh", "-c", f"test -e {standing_by.MARK}"])
    assert rows(rehearsal, "db2", "SELECT 1") == []  # half a copy is started by nobody
    applies(applied)
    assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]


@pytest.mark.long
def test_a_fleet_from_before_gets_its_standby_and_its_primary_runs_on(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    drop(rehearsal, "db2")
    wait_for(lambda: rows(rehearsal, "db1", STREAMS) == [], "db2 to be gone")
    rows(rehearsal, "db1", "SELECT pg_drop_replication_slot('db2')")
    for host in ("db1", "db2"):
        gone = f"{start_guard.MARKER} {GUARD_DROP_IN} {PEERS} {PASSWORDS} {GUARD_SAID}"
        rehearsal.run(host, ["sh", "-c", f"rm -rf {gone} /usr/local/lib/stillhere"])
    rehearsal.run("db1", ["systemctl", "daemon-reload"])
    before = rows(rehearsal, "db1", STARTED)
    applies(applied)
    assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]
    assert rows(rehearsal, "db1", STARTED) == before


@pytest.mark.long
def test_a_cluster_that_is_there_is_never_replaced_by_an_apply(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """The settings of one are enough: its data may be on a disk that is away."""
    drop(rehearsal, "db2")
    rehearsal.run("db2", ["mkdir", "-p", "/var/lib/postgresql/15/main"])
    refused = fab("apply", "--fleet", str(applied.path), "--yes")
    rehearsal.run("db2", ["rm", "-r", "/var/lib/postgresql/15"])
    assert refused.returncode == FAILED
    assert "/var/lib/postgresql/15/main is there" in " ".join(refused.stderr.split())
    applies(applied)


@pytest.mark.long
def test_a_primary_whose_standby_is_away_stays_down_until_somebody_vouches(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.kill("db2")
    try:
        rehearsal.run("db1", ["sh", "-c", "systemctl restart postgresql@17-main; true"])
        assert guard_said(rehearsal, "db1")["decision"] == "refuse"
        assert rows(rehearsal, "db1", "SELECT 1") == []
        since = datetime.now(UTC).isoformat(timespec="seconds")
        permission = json.dumps({"by": "ada", "since": since})
        rehearsal.run("db1", ["sh", "-c", f"echo '{permission}' >{start_guard.PERMISSION}"])
        wait_for(lambda: rows(rehearsal, "db1", "SELECT 1") == ["1"], "the primary")
        rehearsal.run("db1", ["test", "!", "-e", str(start_guard.PERMISSION)])
    finally:
        rehearsal.start("db2")
    wait_for(lambda: rows(rehearsal, "db1", STREAMS) == ["db2|streaming"], "db2 to stream")


@pytest.mark.long
def test_an_apply_restarts_no_primary_that_would_not_come_up_again(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    before = rows(rehearsal, "db1", STARTED)
    rehearsal.run("db1", ["sh", "-c", f"echo '# by hand' >>{AT_START}"])
    rehearsal.kill("db2")
    try:
        tried = fab("apply", "--fleet", str(applied.path), "--yes")
    finally:
        rehearsal.start("db2")
    assert tried.returncode == FAILED
    assert "postgresql@17-main.service runs on as it was" in " ".join(tried.stderr.split())
    assert "no answer from db2" in " ".join(tried.stderr.split())
    assert rows(rehearsal, "db1", STARTED) == before
    wait_for(lambda: rows(rehearsal, "db1", STREAMS) == ["db2|streaming"], "db2 to stream")
    applies(applied)
    assert rows(rehearsal, "db1", STARTED) != before


def test_an_old_primary_that_is_powered_on_again_stays_down(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """And comes back as a standby when it is one; here its data is the standby's own."""
    rehearsal.run("db2", ["mv", f"{DATA}/standby.signal", f"{DATA}/no.signal"])
    try:
        rehearsal.run("db2", ["sh", "-c", "systemctl restart postgresql@17-main; true"])
        refused = guard_said(rehearsal, "db2")
        assert rows(rehearsal, "db2", "SELECT 1") == []
    finally:
        rehearsal.run("db2", ["mv", f"{DATA}/no.signal", f"{DATA}/standby.signal"])
    assert refused["decision"] == "refuse"
    assert "it has no role marker" in refused["why"]
    wait_for(lambda: rows(rehearsal, "db1", STREAMS) == ["db2|streaming"], "the retry by itself")


def test_one_host_is_made_a_standby_from_bare_and_anew(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    drop(rehearsal, "db2")
    made = fab("db.standby", "db2", "--fleet", str(applied.path))
    assert made.returncode == 0, made.stdout + made.stderr
    assert "log in" in made.stderr
    assert "from app1, app2, app3" in made.stderr
    assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]
    rehearsal.run("db2", ["touch", f"{DATA}/of-the-old-data"])
    unnamed = fab("db.standby", "db2", "--reclone", "--fleet", str(applied.path))
    assert unnamed.returncode == FAILED
    assert "Say --confirm db2" in unnamed.stderr
    anew = fab("db.standby", "db2", "--reclone", "--confirm", "db2", "--fleet", str(applied.path))
    assert anew.returncode == 0, anew.stdout + anew.stderr
    rehearsal.run("db2", ["test", "!", "-e", f"{DATA}/of-the-old-data"])
    assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]
    primary = fab(
        "db.standby", "db1", "--reclone", "--confirm", "db1", "--fleet", str(applied.path)
    )
    assert primary.returncode == FAILED
    assert "db1 is the primary" in primary.stderr
    assert shown_plan(applied).returncode == EMPTY


@pytest.mark.long
def test_a_fenced_host_whose_data_is_of_no_use_is_cloned_anew(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """It comes back without its fence: every application logs in."""
    marker = json.dumps({"role": "fenced", "since": "now", "by": "ada", "why": "a test"})
    servers = [one for one in applied.hosts if one.role is Role.APP_SERVER]
    addresses = [each for one in servers for each in (one.address, one.address6)]
    rules = failing_over.rules(addresses, POSTGRESQL.port)
    for line in (
        "systemctl stop postgresql@17-main",
        f"rm {DATA}/standby.signal",
        f"echo '{marker}' >{start_guard.MARKER}",
        "echo disabled >/etc/postgresql/17/main/start.conf",
        f"cat >{clusters.FENCE_FILE} <<'END'\n{rules}END\nnft -f {clusters.FENCE_FILE}",
    ):
        rehearsal.run("db2", ["sh", "-c", line])
    assert shown_plan(applied).returncode == EMPTY  # nobody starts it
    without = fab("db.standby", "db2", "--fleet", str(applied.path))
    assert without.returncode == FAILED
    assert "fab db.standby db2 --reclone" in " ".join(without.stderr.split())
    anew = fab("db.standby", "db2", "--reclone", "--confirm", "db2", "--fleet", str(applied.path))
    assert anew.returncode == 0, anew.stdout + anew.stderr
    assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]
    assert shown_plan(applied).returncode == EMPTY
