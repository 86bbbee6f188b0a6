"""Plan and apply on real Debian hosts: from bare to applied, and what can go wrong on the way."""

import os
from pathlib import Path

import pytest

from ops.lab import hosts
from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet
from tests.ops.operator import (
    EMPTY,
    FAILED,
    JOURNAL,
    PENDING,
    SYSCTL,
    copied,
    fab,
    plan_of,
    shown_plan,
)
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab


def test_a_second_plan_is_empty(applied: Fleet) -> None:
    again = shown_plan(applied)
    assert again.returncode == EMPTY, again.stdout + again.stderr
    assert again.stdout == ""
    assert "Nothing to do on 8 hosts." in again.stderr


def test_drift_is_shown_and_repaired(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run("app1", ["sh", "-c", f"echo '# by hand' >> {JOURNAL}"])
    rehearsal.run("app2", ["systemctl", "stop", "prometheus-node-exporter"])
    rehearsal.run("app3", ["systemctl", "mask", "--now", "prometheus-node-exporter"])
    rehearsal.run("db2", ["systemctl", "mask", "--runtime", "prometheus-node-exporter"])
    rehearsal.run(
        "lb1",
        ["nft", "add", "rule", "inet", "stillhere", "input", "tcp", "dport", "4322", "accept"],
    )
    foreign = """nft "add table inet foreign { comment \\"caf$(printf '\\351')\\"; }" """
    rehearsal.run("obs1", ["sh", "-c", foreign])  # by somebody who writes Latin-1
    shown = shown_plan(applied)
    assert shown.returncode == PENDING
    for words in (
        f"app1  ~ update   file {JOURNAL}",
        "-# by hand",
        "app1  ~ restart  unit systemd-journald.service",
        "app2  ~ start    unit prometheus-node-exporter.service",
        "app3  ~ start    unit prometheus-node-exporter.service",
        "db2   ~ enable   unit prometheus-node-exporter.service",
        "lb1   ~ run      command firewall-is-as-written",
        "tcp dport 4322 accept",
        "obs1  ~ run      command firewall-is-as-written",
        "caf\N{REPLACEMENT CHARACTER}",
    ):
        assert words in shown.stdout
    repaired = fab("apply", "--fleet", str(applied.path))
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert shown_plan(applied).returncode == EMPTY


def test_a_plan_that_is_not_the_one_that_was_shown_is_refused(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.run("app1", ["chmod", "600", SYSCTL])
    refused = fab("apply", "--fleet", str(applied.path), "--digest", "0123456789ab")
    assert refused.returncode == FAILED
    assert "not 0123456789ab" in refused.stderr
    digest = plan_of(applied).digest()
    taken = fab("apply", "--fleet", str(applied.path), "--digest", digest)
    assert taken.returncode == 0
    assert shown_plan(applied).returncode == EMPTY


def test_a_host_that_is_down_holds_up_no_other(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.kill("db2")
    try:
        rehearsal.run("app3", ["rm", SYSCTL])
        done = fab("apply", "--fleet", str(applied.path), "--yes")
        assert done.returncode == FAILED
        assert "db2" in done.stderr
        assert "1 not read" in done.stderr
        assert f"app3  + create   file {SYSCTL}" in done.stdout
    finally:
        rehearsal.start("db2")
    assert shown_plan(applied).returncode == EMPTY


def test_a_fleet_that_is_no_lab_asks_and_brakes(
    applied: Fleet, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    copy = copied(applied, tmp_path, "lab = true", "lab = false")
    key = {"STILLHERE_SSH_KEY": str(applied.path.with_name("id_ed25519"))}
    for host in ("lb1", "lb2"):
        rehearsal.run(host, ["rm", SYSCTL])
    asked = fab("apply", "--fleet", copy, "--yes", **key)
    assert asked.returncode == FAILED
    assert "load-balancers (lb1, lb2 at once)" in asked.stderr
    assert "Add --allow load-balancers,many." in asked.stderr
    assert "is no brake" in fab("apply", "--fleet", copy, "--allow", "all", **key).stderr
    allowed = ("--allow", "load-balancers,many")
    assert "Nobody is there to be asked" in fab("apply", "--fleet", copy, *allowed, **key).stderr
    assert shown_plan(applied).returncode == PENDING
    done = fab("apply", "--fleet", copy, *allowed, "--yes", **key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown_plan(applied).returncode == EMPTY


def test_nobody_comes_in_by_a_password_or_through_a_closed_port(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    said = rehearsal.run("app1", ["sshd", "-T"])
    assert "passwordauthentication no" in said
    assert "permitrootlogin without-password" in said or "prohibit-password" in said
    rules = rehearsal.run("db1", ["nft", "list", "ruleset"])
    assert "policy drop" in rules
    assert "5432" in rules
    assert " 8100" not in rules


def test_the_canary_is_where_it_belongs_and_nowhere_else(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    canary = read_vault(vault_of(applied.path))["canary"].reveal()
    search = (
        "secret=$(cat /etc/stillhere/canary); "
        'journalctl --no-pager -o verbose | grep -cFe "$secret"; '
        'grep -rlFe "$secret" /etc /var /root /run /tmp /home 2>/dev/null; true'
    )
    for host in applied.hosts:
        done = hosts.execute(rehearsal.lab, rehearsal.lab.host(host.name), ["sh", "-c", search])
        assert done.stdout.split() == ["0", "/etc/stillhere/canary"], (host.name, done)
        mode = rehearsal.run(host.name, ["stat", "-c", "%a %U", "/etc/stillhere/canary"])
        assert mode.strip() == "600 root"
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    assert canary not in (Path(state) / "stillhere" / "audit.jsonl").read_text("utf-8")


def test_a_change_leaves_a_line_in_the_hosts_journal(applied: Fleet, rehearsal: Rehearsal) -> None:
    said = rehearsal.run("lb2", ["journalctl", "--no-pager", "-t", "stillhere-ops", "-o", "cat"])
    assert "did='create file /etc/sysctl.d/60-stillhere.conf'" in said
    assert "operator=" in said
