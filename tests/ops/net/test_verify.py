"""`fab net.verify` on real Debian hosts: what is exact, and what is told when it is not."""

import json
from typing import Any

import pytest

from ops.lab import faults
from ops.lab.plan import Lab
from provisioning.fleet import Fleet
from tests.ops.operator import fab
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab
FROM_FILE = ["nft", "--file", "/etc/nftables.conf"]
LISTENER = "stillhere-test-listener"
CLOSED, OPEN = "closed that should be open", "open that should be closed"


def verified(fleet: Fleet) -> tuple[int, dict[str, Any]]:
    """Return the exit status and what was found."""
    done = fab("net.verify", "--fleet", str(fleet.path), "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def lines_of(found: dict[str, Any], target: str) -> set[tuple[str, str, int]]:
    return {
        (one["wrong"], one["source"], one["port"])
        for one in found["findings"]
        if one["target"] == target
    }


def listen(rehearsal: Rehearsal, host: str, port: int) -> None:
    """Let something listen on all addresses of a host."""
    program = ["python3", "-m", "http.server", "--bind", "::", str(port)]
    rehearsal.run(host, ["systemd-run", "--quiet", f"--unit={LISTENER}", *program])


def allow(rehearsal: Rehearsal, host: str, *rule: str) -> None:
    """Add a rule by hand to the live firewall."""
    rehearsal.run(host, ["nft", "add", "rule", "inet", "stillhere", "input", *rule])


@pytest.fixture(scope="module")
def broken(applied: Fleet, rehearsal: Rehearsal) -> tuple[int, dict[str, Any]]:
    """Return what is told when much is wrong at once, each on a host of its own."""
    address = {host.name: host.address for host in applied.hosts}
    typed = "sed 's/dport 5432/dport 4322/' /etc/nftables.conf | nft --file -"
    try:
        rehearsal.run("db1", ["sh", "-c", typed])
        allow(rehearsal, "db2", "ip", "saddr", address["lb1"], "tcp", "dport", "5432", "accept")
        listen(rehearsal, "app1", 6001)
        allow(rehearsal, "app1", "ip6", "saddr", applied.host("obs1").address6, "accept")
        listen(rehearsal, "app2", 6002)
        allow(rehearsal, "app3", "tcp", "dport", "{ 5432, 9100 }", "reject")
        return verified(applied)
    finally:
        for host in ("db1", "db2", "app1", "app3"):
            rehearsal.run(host, FROM_FILE)
        for host in ("app1", "app2"):
            rehearsal.run(host, ["systemctl", "stop", LISTENER])


def test_an_applied_fleet_is_exact(applied: Fleet) -> None:
    done = fab("net.verify", "--fleet", str(applied.path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == ""
    assert "exactly what the catalogue declares is open" in done.stderr
    assert "doors tried in" in done.stderr


def test_4322_typed_for_5432_is_told_with_both_lines(broken: tuple[int, dict[str, Any]]) -> None:
    """The incident: one database host let nobody in on the day of the failover."""
    status, found = broken
    assert status == 1
    assert not found["exact"]
    assert lines_of(found, "db1") == {
        *((CLOSED, source, 5432) for source in ("app1", "app2", "app3", "db2")),
        *((OPEN, source, 4322) for source in ("app1", "app2", "app3", "db2")),
    }
    told = [one for one in found["findings"] if one["target"] == "db1"]
    assert all(one["families"] == ["IPv4", "IPv6"] for one in told)
    assert {one["service"] for one in told} == {"postgresql", ""}


def test_a_load_balancer_must_not_reach_postgresql(broken: tuple[int, dict[str, Any]]) -> None:
    _, found = broken
    assert lines_of(found, "db2") == {(OPEN, "lb1", 5432)}
    (one,) = (one for one in found["findings"] if one["target"] == "db2")
    assert one["families"] == ["IPv4"]


def test_a_listener_that_others_reach_is_told_without_a_rule_of_its_own(
    broken: tuple[int, dict[str, Any]],
) -> None:
    _, found = broken
    told = lines_of(found, "app1")
    assert (OPEN, "obs1", 6001) in told
    assert (OPEN, "obs1", 8080) in told
    assert {source for _, source, _ in told} == {"obs1"}
    assert {tuple(one["families"]) for one in found["findings"] if one["target"] == "app1"} == {
        ("IPv6",)
    }


def test_a_listener_behind_the_firewall_is_no_finding(broken: tuple[int, dict[str, Any]]) -> None:
    _, found = broken
    assert lines_of(found, "app2") == set()


def test_a_firewall_that_says_no_is_as_closed_as_a_silent_one(
    broken: tuple[int, dict[str, Any]],
) -> None:
    """Its ICMP looks like a reset at first sight."""
    _, found = broken
    assert lines_of(found, "app3") == set()


def test_a_host_that_is_down_is_one_line_and_the_others_are_tried(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.kill("db2")
    try:
        status, found = verified(applied)
    finally:
        rehearsal.start("db2")
    assert status == 1
    (trouble,) = found["troubles"]
    assert "db2" in trouble
    assert found["findings"] == []
    assert found["doors"] > 500


def test_lost_packets_are_no_finding(applied: Fleet, troubled_lab: Lab) -> None:
    faults.lose(troubled_lab, troubled_lab.host("app1"), 6)
    status, found = verified(applied)
    assert (status, found["findings"], found["troubles"]) == (0, [], [])


@pytest.mark.long
def test_two_hosts_that_do_not_hear_each_other_are_found(applied: Fleet, troubled_lab: Lab) -> None:
    app1, db1 = troubled_lab.host("app1"), troubled_lab.host("db1")
    faults.block(troubled_lab, app1, db1)
    status, found = verified(applied)
    assert status == 1
    assert {(one["wrong"], one["source"], one["target"]) for one in found["findings"]} == {
        (CLOSED, "app1", "db1"),
        (CLOSED, "db1", "app1"),
    }
