import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.errors import LabError
from ops.lab import faults, fleet, hosts, image
from ops.lab.plan import HOSTS, Lab, chosen_hosts, lab_named
from tests.ops.lab.census import census, new_since
from tests.ops.lab.traffic import reaches, ssh
from tests.ops.labs import planned_lab

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]
UP = """
import sys
from ops.lab import fleet
from ops.lab.plan import chosen_hosts, lab_named
lab = lab_named(sys.argv[1])
fleet.up(lab, chosen_hosts(lab, sys.argv[2]), None, lambda _: None)
"""
SOME = "lb1,db2,client"


def test_up_again_starts_what_is_missing_and_nothing_else(troubled_lab: Lab) -> None:
    lab = troubled_lab
    inventory = (lab.home / "inventory.toml").read_text()
    vault = (lab.home / "vault.toml.gpg").read_bytes()
    assert _up(lab) == []
    hosts.kill(lab, lab.host("db2"))
    hosts.kill(lab, lab.host("lb1"))
    assert _up(lab) == ["lb1", "db2"]
    assert (lab.home / "inventory.toml").read_text() == inventory
    assert (lab.home / "vault.toml.gpg").read_bytes() == vault


def test_another_debian_is_not_mixed_in(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"runs Debian 13.*lab\.down"):
        fleet.up(lab, HOSTS, 12, lambda _: None)


def test_a_lab_that_is_not_up_says_how_to_bring_it_up() -> None:
    with pytest.raises(LabError, match=r"`fab lab\.up --prefix nobody`"):
        fleet.require_up(lab_named("nobody"))


def test_down_leaves_nothing_with_faults_active_and_hosts_killed() -> None:
    with planned_lab() as lab:
        fleet.down(lab)
        before = census(lab)
        fleet.up(lab, chosen_hosts(lab, "app1,db1,obs1"), None, lambda _: None)
        faults.delay(lab, lab.host("db1"), 30)
        faults.lose(lab, lab.host("app1"), 10)
        faults.block(lab, lab.host("app1"), lab.host("obs1"))
        faults.cut(lab, lab.host("obs1"))
        hosts.kill(lab, lab.host("app1"))
        # Whoever reads the vault leaves an agent of gpg running, outside of the lab's cgroup.
        gpg = ["gpg", "--homedir", str(lab.home / "gnupg"), "--batch", "--quiet", "--decrypt"]
        subprocess.run(
            [*gpg, lab.home / "vault.toml.gpg"], check=True, capture_output=True, timeout=30
        )
        assert census(lab) - before, "the census sees nothing"
        assert fleet.down(lab)
        assert new_since(before, lab) == []
        assert not fleet.down(lab)


def test_down_leaves_nothing_of_a_lab_that_was_killed_half_way() -> None:
    """At moments from its first step to its last; more of them in `make test-long`."""
    _kill_half_way(moments=[0.3, 0.8, 1.4], names=SOME)


@pytest.mark.long
def test_down_leaves_nothing_whenever_up_was_killed() -> None:
    _kill_half_way(moments=[random.uniform(0.15, 3.0) for _ in range(30)], names="")


def test_up_finishes_what_a_killed_up_began() -> None:
    with planned_lab() as lab:
        _killed_up(lab, 0.7, SOME)
        some = chosen_hosts(lab, SOME)
        fleet.up(lab, some, None, lambda _: None)
        assert all(ssh(lab, lab.address(host), "true").returncode == 0 for host in some)


@pytest.mark.long
def test_two_labs_stand_side_by_side_and_one_goes_alone(lab: Lab) -> None:
    with planned_lab() as other:
        fleet.down(other)
        before = census(other)
        _up(other)
        assert other.network != lab.network
        faults.cut(other, other.host("db1"))
        assert reaches(lab, "app1", "db1")
        assert not reaches(other, "app1", "db1")
        # Neither has a way into the other one.
        ping = ["ping", "-c1", "-W1", lab.address(lab.host("db1"))]
        assert hosts.execute(other, other.host("app1"), ping).returncode != 0
        fleet.down(other)
        assert new_since(before, other) == []
    assert all(ssh(lab, lab.address(host), "true").returncode == 0 for host in HOSTS)


@pytest.mark.long
def test_debian_12_stands_too() -> None:
    with planned_lab() as lab:
        fleet.down(lab)
        image.base_image(lab, 12, lambda _: None)  # images stay, for the next lab
        before = census(lab)
        fleet.up(lab, HOSTS, 12, lambda _: None)
        ask = "systemctl is-system-running --wait; . /etc/os-release; echo $VERSION_ID"
        for host in HOSTS:
            assert ssh(lab, lab.address6(host), ask).stdout.split() == ["running", "12"]
        install = "apt-get -qq update && apt-get -qq install --yes haproxy && haproxy -v"
        done = hosts.execute(lab, lab.host("lb1"), ["sh", "-c", install], timeout_seconds=120)
        assert "version 2.6" in done.stdout
        hosts.kill(lab, lab.host("db1"))
        assert _up(lab) == ["db1"]
        fleet.down(lab)
        assert new_since(before, lab) == []


def _kill_half_way(moments: list[float], names: str) -> None:
    with planned_lab() as lab:
        fleet.down(lab)
        before = census(lab)
        for seconds in moments:
            _killed_up(lab, seconds, names)
            fleet.down(lab)
            assert new_since(before, lab) == [], f"killed after {seconds:.2f} s"


def _killed_up(lab: Lab, seconds: float, names: str) -> None:
    command = [sys.executable, "-c", UP, lab.prefix, names]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()


def _up(lab: Lab) -> list[str]:
    return [host.name for host in fleet.up(lab, HOSTS, None, lambda _: None)]
