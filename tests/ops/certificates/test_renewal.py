"""Certificates renew themselves: the timers' units, started by hand, on real hosts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess

import pytest

from ops.lab import hosts
from provisioning.fleet import Fleet
from provisioning.programs.certifying import KEPT
from provisioning.programs.renewing import SETTINGS
from tests.ops.certificates.conftest import BALANCERS, Client, kept_pairs
from tests.ops.operator import EMPTY, fab, shown_plan
from tests.ops.rehearsal import Rehearsal
from tests.ops.self_signed import certificate

pytestmark = pytest.mark.lab

UNIT = "stillhere-certificates.service"


def test_what_is_due_is_ordered_and_every_balancer_fetches_it(
    client: Client, rehearsal: Rehearsal
) -> None:
    before, kept = client.serials(), kept_pairs(client.fleet)
    assert start(rehearsal, "obs1").returncode == 0
    assert kept_pairs(client.fleet) == kept  # nothing is due
    with changed(rehearsal, "obs1", days=100_000):
        assert start(rehearsal, "obs1").returncode == 0, said(rehearsal, "obs1")
    for name in BALANCERS:
        assert start(rehearsal, name).returncode == 0, said(rehearsal, name)
    after = client.serials()
    assert not set(before.values()) & set(after.values())
    assert fab("certs.status", "--fleet", str(client.fleet.path)).returncode == 0
    assert shown_plan(client.fleet).returncode == EMPTY


def test_a_balancer_gets_the_two_files_and_nothing_else(
    issued: Fleet, rehearsal: Rehearsal
) -> None:
    ask = (
        "ssh -F none -i /etc/ssh/ssh_host_ed25519_key -o BatchMode=yes "
        "-o UserKnownHostsFile=/etc/stillhere/observer_known_hosts "
        f"root@{issued.host('obs1').address} "
    )
    for words in ("", "cat /etc/shadow"):
        got = rehearsal.run("lb1", ["sh", "-c", f"{ask} '{words}' | tar --list"])
        assert got.split() == ["site.pem.ecdsa", "site.pem.rsa"]
    strange = run(rehearsal, "app1", ask.replace("observer_known_hosts", "none"))
    assert strange.returncode != 0


def test_a_balancer_takes_no_pair_that_is_not_good_enough(
    client: Client, rehearsal: Rehearsal
) -> None:
    before, path = client.serials(), f"{KEPT}/site.pem.ecdsa"
    own = certificate(60, client.fleet.site, client.fleet.pings)
    with kept(rehearsal, path):
        rehearsal.run("obs1", ["sh", "-c", f"cat > {path} <<'END'\n{own}END"])
        assert start(rehearsal, "lb1").returncode != 0
        assert "intermediate" in said(rehearsal, "lb1")
        rehearsal.run("obs1", ["cp", f"{KEPT}/site.pem.rsa", path])  # of the wrong kind
        assert start(rehearsal, "lb1").returncode != 0
        assert "the old ones are back" in said(rehearsal, "lb1")
    rehearsal.run("lb1", ["systemctl", "reset-failed", UNIT])
    assert client.serials() == before
    assert start(rehearsal, "lb1").returncode == 0


def start(rehearsal: Rehearsal, host: str) -> CompletedProcess[str]:
    return run(rehearsal, host, f"systemctl start {UNIT}")


def run(rehearsal: Rehearsal, host: str, command: str) -> CompletedProcess[str]:
    lab = rehearsal.lab
    return hosts.execute(lab, lab.host(host), ["sh", "-c", command], timeout_seconds=240)


def said(rehearsal: Rehearsal, host: str) -> str:
    return rehearsal.run(host, ["journalctl", "-u", UNIT, "-n", "20", "-o", "cat", "--no-pager"])


@contextmanager
def changed(rehearsal: Rehearsal, host: str, **values: object) -> Iterator[None]:
    """Have other settings for a while."""
    text = rehearsal.run(host, ["cat", SETTINGS])
    other = json.dumps(json.loads(text) | values)
    try:
        rehearsal.run(host, ["sh", "-c", f"cat > {SETTINGS} <<'END'\n{other}\nEND"])
        yield
    finally:
        rehearsal.run(host, ["sh", "-c", f"cat > {SETTINGS} <<'END'\n{text}END"])


@contextmanager
def kept(rehearsal: Rehearsal, path: str) -> Iterator[None]:
    rehearsal.run("obs1", ["cp", "--archive", path, f"{path}.whole"])
    try:
        yield
    finally:
        rehearsal.run("obs1", ["mv", f"{path}.whole", path])
