"""Plan and apply on real Debian hosts: from bare to applied, and what can go wrong on the way."""

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops import changes
from ops.applying import Result, apply_plan
from ops.audit import Audit
from ops.changes import Change
from ops.errors import Locked
from ops.fleets import find_fleet
from ops.plan import Plan
from ops.reading import read_plan, sessions_with
from ops.remote import can_connect
from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet, Host
from provisioning.flows import Opening
from provisioning.render import render
from provisioning.roles import base
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
EMPTY, FAILED, PENDING = 0, 1, 2
JOURNAL = "/etc/systemd/journald.conf.d/stillhere.conf"
SYSCTL = "/etc/sysctl.d/60-stillhere.conf"
SSH = "/etc/ssh/sshd_config.d/00-stillhere.conf"


def fab(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run fab as an operator does, with nobody at the terminal."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "fab"), *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=300,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def applied(rehearsal: Rehearsal) -> Fleet:
    """Return the lab's fleet after `fab apply` has made servers of bare hosts."""
    fleet = find_fleet(str(rehearsal.inventory))
    canary = read_vault(vault_of(fleet.path))["canary"].reveal()
    with watched_processes(canary) as seen:
        first = fab("apply", "--fleet", str(fleet.path), "--yes")
        assert first.returncode == 0, first.stdout + first.stderr
    assert seen == []
    assert canary not in first.stdout + first.stderr
    return fleet


@contextmanager
def watched_processes(secret: str) -> Iterator[list[str]]:
    """Look at every process of the machine, the hosts' too, while something runs."""
    found, is_over = list[str](), threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        if secret.encode() in (process / name).read_bytes():
                            found.append(f"{process.name} {name}")
                    except OSError:
                        continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def plan_of(fleet: Fleet) -> subprocess.CompletedProcess[str]:
    return fab("plan", "--fleet", str(fleet.path))


def read(fleet: Fleet) -> Plan:
    with sessions_with(fleet) as sessions:
        return read_plan(fleet, read_vault(vault_of(fleet.path)), sessions, lambda: None)


def test_a_second_plan_is_empty(applied: Fleet) -> None:
    again = plan_of(applied)
    assert again.returncode == EMPTY, again.stdout + again.stderr
    assert again.stdout == ""
    assert "Nothing to do on 8 hosts." in again.stderr


def test_drift_is_shown_and_repaired(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run("app1", ["sh", "-c", f"echo '# by hand' >> {JOURNAL}"])
    rehearsal.run("app2", ["systemctl", "stop", "prometheus-node-exporter"])
    rehearsal.run(
        "lb1",
        ["nft", "add", "rule", "inet", "stillhere", "input", "tcp", "dport", "4322", "accept"],
    )
    shown = plan_of(applied)
    assert shown.returncode == PENDING
    for words in (
        f"app1  ~ update   file {JOURNAL}",
        "-# by hand",
        "app1  ~ restart  unit systemd-journald.service",
        "app2  ~ start    unit prometheus-node-exporter.service",
        "lb1   ~ run      command firewall-is-as-written",
        "tcp dport 4322 accept",
    ):
        assert words in shown.stdout
    repaired = fab("apply", "--fleet", str(applied.path))
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert plan_of(applied).returncode == EMPTY


def test_a_plan_that_is_not_the_one_that_was_shown_is_refused(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.run("app1", ["chmod", "600", SYSCTL])
    refused = fab("apply", "--fleet", str(applied.path), "--digest", "0123456789ab")
    assert refused.returncode == FAILED
    assert "not 0123456789ab" in refused.stderr
    digest = read(applied).digest()
    taken = fab("apply", "--fleet", str(applied.path), "--digest", digest)
    assert taken.returncode == 0
    assert plan_of(applied).returncode == EMPTY


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
    assert plan_of(applied).returncode == EMPTY


def copied(fleet: Fleet, folder: Path, old: str, new: str) -> str:
    """Return the path of a changed copy of the inventory, with its vault and key beside it."""
    copy = folder / "fleet.toml"
    copy.write_text(fleet.path.read_text("utf-8").replace(old, new), "utf-8")
    for name in ("vault.toml.gpg", "gnupg", "id_ed25519"):
        (folder / name).symlink_to(fleet.path.with_name(name))
    return str(copy)


def test_a_host_that_shows_another_key_is_not_spoken_to(applied: Fleet, tmp_path: Path) -> None:
    other = applied.host("db1").host_key
    shown = fab("plan", "--fleet", copied(applied, tmp_path, applied.host("app1").host_key, other))
    assert shown.returncode == FAILED
    assert "app1" in shown.stderr
    assert "not the one in the inventory" in shown.stderr


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
    assert plan_of(applied).returncode == PENDING
    done = fab("apply", "--fleet", copy, *allowed, "--yes", **key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert plan_of(applied).returncode == EMPTY


def test_two_operators_do_not_meet(applied: Fleet) -> None:
    with sessions_with(applied, ("ada@laptop", "a long one")) as sessions:
        sessions.of(applied.host("app2"))
        second = fab("apply", "--fleet", str(applied.path), "--yes")
        assert second.returncode == FAILED
        assert "app2 is held by ada@laptop since" in second.stderr
        assert "a long one" in second.stderr
        assert plan_of(applied).returncode == EMPTY  # looking is free
    with sessions_with(applied, ("ada@laptop", "again")) as sessions:
        sessions.of(applied.host("app2"))  # the end of the first has let go


def test_an_apply_that_is_cut_is_finished_by_the_next(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run(
        "app1",
        [
            "sh",
            "-c",
            f"rm {JOURNAL} {SYSCTL}; rm -r /var/lib/stillhere/units",
        ],
    )

    def cut_after_first(host: str, change: Change) -> None:
        if host == "app1" and change.key == f"file {JOURNAL}":
            rehearsal.cut("app1")

    try:
        (result,) = _apply(applied, cut_after_first, answer_seconds=5)
        assert "app1: the connection broke" in result.trouble
        assert result.made >= 1
    finally:
        rehearsal.uncut("app1")
    shown = plan_of(applied)
    assert shown.returncode == PENDING
    assert "restart  unit systemd-journald.service" in shown.stdout
    _wait_until_released(applied)
    finished = fab("apply", "--fleet", str(applied.path), "--yes")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert plan_of(applied).returncode == EMPTY


def _apply(fleet: Fleet, told: object, answer_seconds: int = 60) -> list[Result]:
    with sessions_with(fleet, ("test@here", "a test")) as sessions:
        found = read_plan(fleet, read_vault(vault_of(fleet.path)), sessions, lambda: None)
        for host in fleet.hosts:
            sessions.of(host).patience_seconds = answer_seconds
        return apply_plan(found, sessions, Audit(fleet.name, "a test"), told)  # type: ignore[arg-type]


def nothing_told(_host: str, _change: Change) -> None:
    """Say nothing."""


def nothing_open(_fleet: Fleet, _host: Host) -> tuple[Opening, ...]:
    """Close every port, ssh too."""
    return ()


def _wait_until_released(fleet: Fleet) -> None:
    """Sshd needs up to 45 s to see that a line is dead; then the agent ends and lets go."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with sessions_with(fleet, ("test@here", "waiting")) as sessions:
            try:
                sessions.of(fleet.host("app1"))
            except Locked:
                time.sleep(1)
            else:
                return
    pytest.fail("the operators' lock was not released within 60 s")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "REVERT_SECONDS", 4)


def test_a_rule_that_locks_us_out_takes_itself_back(
    applied: Fleet, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    only_app1 = dataclasses.replace(applied, hosts=(applied.host("app1"),))
    before = rehearsal.run("app1", ["cat", "/etc/nftables.conf"])
    monkeypatch.setattr(base, "openings", nothing_open)
    (result,) = _apply(only_app1, nothing_told)
    assert "taken back" in result.trouble or "takes it back" in result.trouble
    deadline = time.monotonic() + 20
    while not can_connect(applied, applied.host("app1")):
        assert time.monotonic() < deadline, "still locked out"
    assert rehearsal.run("app1", ["cat", "/etc/nftables.conf"]) == before
    assert rehearsal.run("app1", ["ls", "/var/lib/stillhere/before"]) == ""
    timers = rehearsal.run("app1", ["systemctl", "list-units", "--all", "stillhere-revert*"])
    assert "0 loaded units listed" in timers
    monkeypatch.undo()
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert read(applied).is_empty


def test_a_file_that_its_program_refuses_never_goes_live(
    applied: Fleet, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_app1 = dataclasses.replace(applied, hosts=(applied.host("app1"),))
    before = rehearsal.run("app1", ["cat", SSH])
    rendered = render
    monkeypatch.setattr(
        base,
        "render",
        lambda name, **values: rendered(name, **values) + "Nonsense yes\n" * (name == "sshd.conf"),
    )
    (result,) = _apply(only_app1, nothing_told)
    assert "Bad configuration option: Nonsense" in result.trouble
    assert rehearsal.run("app1", ["cat", SSH]) == before
    monkeypatch.undo()
    assert fab("apply", "--fleet", str(applied.path), "--yes").returncode == 0
    assert read(applied).is_empty


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
        'journalctl --no-pager -o verbose | grep -cF "$secret"; '
        'grep -rlF "$secret" /etc /var /root /run /tmp /home 2>/dev/null; true'
    )
    for host in applied.hosts:
        said = rehearsal.run(host.name, ["sh", "-c", search])
        assert said.split() == ["0", "/etc/stillhere/canary"], host.name
        mode = rehearsal.run(host.name, ["stat", "-c", "%a %U", "/etc/stillhere/canary"])
        assert mode.strip() == "600 root"
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    assert canary not in (Path(state) / "stillhere" / "audit.jsonl").read_text("utf-8")


def test_a_change_leaves_a_line_in_the_hosts_journal(applied: Fleet, rehearsal: Rehearsal) -> None:
    said = rehearsal.run("lb2", ["journalctl", "--no-pager", "-t", "stillhere-ops", "-o", "cat"])
    assert "did='create file /etc/sysctl.d/60-stillhere.conf'" in said
    assert "operator=" in said
