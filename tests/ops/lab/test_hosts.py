import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from ops.errors import LabError
from ops.lab import faults, fleet, hosts
from ops.lab.hosts import State
from ops.lab.plan import HOSTS, Lab
from tests.ops.lab.traffic import reaches, ssh

pytestmark = pytest.mark.lab


def test_every_host_answers_ssh_on_both_addresses_with_its_pinned_key(lab: Lab) -> None:
    wanted = {lab.address(host): host.name for host in HOSTS}
    wanted |= {lab.address6(host): host.name for host in HOSTS}
    with ThreadPoolExecutor(4) as threads:
        said = threads.map(lambda address: ssh(lab, address, "hostname"), wanted)
    found = {address: one.stdout.strip() for address, one in zip(wanted, said, strict=True)}
    assert found == wanted


def test_a_host_is_a_whole_debian_with_nothing_failed(lab: Lab) -> None:
    ask = "systemctl is-system-running --wait; . /etc/os-release; echo $VERSION_ID"
    assert ssh(lab, lab.address(lab.host("app1")), ask).stdout.split() == ["running", "13"]


def test_packages_are_installed_without_any_network(lab: Lab) -> None:
    install = "apt-get -qq update && apt-get -qq install --yes knot && systemctl is-active knot"
    done = hosts.execute(lab, lab.host("client"), ["sh", "-c", install], timeout_seconds=120)
    assert done.stdout.splitlines()[-1] == "active", done.stderr


def test_a_killed_host_is_silence_to_those_it_talked_to(troubled_lab: Lab) -> None:
    lab, database = troubled_lab, troubled_lab.host("db1")
    talk = f"""
import socket
talking = socket.create_connection(({lab.address(database)!r}, 22), 10)
print(talking.recv(100).decode()[:4], flush=True)  # sshd greets first, and no firewall keeps it
talking.settimeout(3)
try:
    print("ended", talking.recv(5), flush=True)
except TimeoutError:
    print("silence", flush=True)
"""
    enter = ["nsenter", f"--net=/run/netns/{lab.namespace(lab.host('app1'))}", sys.executable]
    with subprocess.Popen([*enter, "-c", talk], stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout
        assert peer.stdout.readline() == "SSH-\n"
        assert hosts.kill(lab, database)
        assert peer.stdout.readline() == "silence\n"
    assert hosts.condition(lab, database).state is State.DEAD


def test_what_a_killed_host_wrote_is_there_when_it_is_started(troubled_lab: Lab) -> None:
    lab, database = troubled_lab, troubled_lab.host("db1")
    hosts.execute(lab, database, ["sh", "-c", "echo kept >/var/lib/note"])
    hosts.kill(lab, database)
    assert not hosts.kill(lab, database)
    assert not reaches(lab, "app1", "db1")
    assert fleet.start(lab, database)
    assert not fleet.start(lab, database)
    assert ssh(lab, lab.address(database), "cat /var/lib/note").stdout == "kept\n"
    assert reaches(lab, "app1", "db1", six=True)


def test_a_host_that_reboots_comes_back_by_itself(troubled_lab: Lab) -> None:
    lab, one = troubled_lab, troubled_lab.host("app3")
    boot = ["cat", "/proc/sys/kernel/random/boot_id"]
    before = hosts.execute(lab, one, boot).stdout
    ssh(lab, lab.address(one), "systemctl reboot")
    deadline = time.monotonic() + 30
    while (now := _boot_of(lab)) in ("", before) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert now not in ("", before)
    hosts.wait_until_ready(lab, one)
    assert ssh(lab, lab.address(one), "true").returncode == 0


def test_a_command_runs_in_a_host_whose_cable_is_out(troubled_lab: Lab) -> None:
    lab, one = troubled_lab, troubled_lab.host("app1")
    faults.cut(lab, one)
    assert hosts.execute(lab, one, ["hostname"]).stdout == "app1\n"
    hosts.kill(lab, one)
    with pytest.raises(LabError, match=r"lab\.start app1"):
        hosts.execute(lab, one, ["hostname"])


def test_what_a_command_leaves_running_ends_with_the_host(troubled_lab: Lab) -> None:
    lab, one = troubled_lab, troubled_lab.host("app2")
    leave = "sleep 31415 >/dev/null 2>&1 </dev/null & echo $!"
    assert hosts.execute(lab, one, ["sh", "-c", leave]).returncode == 0
    before = [process for process in psutil.process_iter() if _is_left(process)]
    assert len(before) == 1
    hosts.kill(lab, one)
    assert psutil.wait_procs(before, timeout=5)[1] == []


def _is_left(process: psutil.Process) -> bool:
    try:
        return process.cmdline() == ["sleep", "31415"]
    except psutil.Error:
        return False


def _boot_of(lab: Lab) -> str:
    try:
        # Who enters a host in the moment in which it ends may be held until his time is out.
        ask = ["cat", "/proc/sys/kernel/random/boot_id"]
        done = hosts.execute(lab, lab.host("app3"), ask, timeout_seconds=5)
    except LabError:
        return ""
    return done.stdout
