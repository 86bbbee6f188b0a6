"""Changes that would lock us out, or that their program refuses."""

import dataclasses
import time

import pytest

from ops import changes
from ops.remote import can_connect
from provisioning.fleet import Fleet, Host, Operator
from provisioning.flows import Opening
from provisioning.render import render
from provisioning.roles import base
from tests.ops.inventories import HOST_KEY
from tests.ops.operator import apply_here, fab, nothing_told, plan_of
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab
KEYS = "~root/.ssh/authorized_keys"
SSH = "/etc/ssh/sshd_config.d/00-stillhere.conf"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "REVERT_SECONDS", 4)


def nothing_open(_fleet: Fleet, _host: Host) -> tuple[Opening, ...]:
    """Close every port, ssh too."""
    return ()


def test_a_rule_that_locks_us_out_takes_itself_back(
    applied: Fleet, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    only_app1 = dataclasses.replace(applied, hosts=(applied.host("app1"),))
    before = rehearsal.run("app1", ["cat", "/etc/nftables.conf"])
    monkeypatch.setattr(base, "openings", nothing_open)
    (result,) = apply_here(only_app1, nothing_told)
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
    assert plan_of(applied).is_empty


def test_keys_that_lock_us_out_are_taken_back(
    applied: Fleet, rehearsal: Rehearsal, soon: None
) -> None:
    only_app1 = dataclasses.replace(
        applied, hosts=(applied.host("app1"),), operators=(Operator("ada", HOST_KEY),)
    )
    before = rehearsal.run("app1", ["sh", "-c", f"cat {KEYS}"])
    (result,) = apply_here(only_app1, nothing_told)
    # By then the host may have done so already: it waits for 4 s here, we for longer.
    assert "taken back" in result.trouble or "takes it back" in result.trouble
    deadline = time.monotonic() + 20
    while not can_connect(applied, applied.host("app1")):
        assert time.monotonic() < deadline, "still locked out"
    assert rehearsal.run("app1", ["sh", "-c", f"cat {KEYS}"]) == before
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert plan_of(applied).is_empty


def test_a_second_file_of_keys_lets_nobody_in(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run("app1", ["sh", "-c", f"mv {KEYS} {KEYS}2"])
    try:
        assert not can_connect(applied, applied.host("app1"))
    finally:
        rehearsal.run("app1", ["sh", "-c", f"mv {KEYS}2 {KEYS}"])
    assert can_connect(applied, applied.host("app1"))


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
    (result,) = apply_here(only_app1, nothing_told)
    assert "Bad configuration option: Nonsense" in result.trouble
    assert rehearsal.run("app1", ["cat", SSH]) == before
    monkeypatch.undo()
    assert fab("apply", "--fleet", str(applied.path), "--yes").returncode == 0
    assert plan_of(applied).is_empty


@pytest.mark.long
def test_a_change_that_nobody_confirmed_is_taken_back_after_a_reboot_too(
    applied: Fleet, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plug is pulled while the host still waits to be confirmed."""
    monkeypatch.setattr(changes, "REVERT_SECONDS", 20)
    only_app1 = dataclasses.replace(applied, hosts=(applied.host("app1"),))
    before = rehearsal.run("app1", ["cat", "/etc/nftables.conf"])
    monkeypatch.setattr(base, "openings", nothing_open)
    (result,) = apply_here(only_app1, nothing_told)
    assert "takes it back" in result.trouble
    assert rehearsal.run("app1", ["cat", "/etc/nftables.conf"]) != before
    rehearsal.kill("app1")
    rehearsal.start("app1", is_reachable=False)
    deadline = time.monotonic() + 60
    while not can_connect(applied, applied.host("app1")):
        assert time.monotonic() < deadline, "still locked out"
    assert rehearsal.run("app1", ["cat", "/etc/nftables.conf"]) == before
    monkeypatch.undo()
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert plan_of(applied).is_empty
