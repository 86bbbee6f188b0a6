"""What an operator said of a server, and what HAProxy found out, over reloads and restarts."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from haproxy.stats import Admin, Report
from ops.errors import ChangeFailed
from provisioning.fleet import Role
from provisioning.roles import load_balancer
from tests.ops.load_balancers.stand import SITE, Stand
from tests.ops.operator import apply_here, fab, nothing_told, plan_of

pytestmark = pytest.mark.lab

CONFIG = load_balancer.CONFIG
# A certificate of an authority, in the place of the self-signed one.
_FOREIGN = """
cd "$(mktemp -d)" || exit
new="openssl req -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj"
$new /CN=authority -x509 -keyout ca.key -out ca.crt
$new /CN=stillhere.test -keyout own.key -out own.csr
openssl x509 -req -in own.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out own.crt
cat own.crt own.key > /etc/haproxy/certificates/site.pem.ecdsa
"""
RELOADS = 3
# Each thread keeps its connection as long as it is let; one in four pauses between pings.
LOAD = """
import http.client, json, ssl, sys, threading, time
address, seconds = sys.argv[1], float(sys.argv[2])
context = ssl._create_unverified_context()
counts, wrong, lock = {"pings": 0, "connections": 0}, [], threading.Lock()
def ping(number):
    line, end = None, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if line is None:
                line = http.client.HTTPSConnection(address, context=context, timeout=20)
                counts["connections"] += 1
            line.request("POST", "/ping/load", b"x", {"Host": "stillhere.test"})
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(answer.status)
            if answer.will_close:
                line.close()
                line = None
        except Exception as error:
            wrong.append(repr(error))
            line = None
        with lock:
            counts["pings"] += 1
        time.sleep(1.5 if number % 4 == 0 else 0.01)
threads = [threading.Thread(target=ping, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(counts | {"wrong": wrong}))
"""


@pytest.fixture
def drained(stand: Stand) -> Iterator[Stand]:
    """Give balancers that send nothing new to app1's pages; it is ready again afterwards."""
    set_state(stand, "drain")
    try:
        yield stand
    finally:
        set_state(stand, "ready")
        stand.wait_until_all_serve()


def set_state(stand: Stand, state: str) -> None:
    stand.ask(f"set server pages/app1 state {state}", audit=f"{state} pages/app1")


def has_changed_hands(stand: Stand, act: str) -> None:
    """Reload or restart, and return when another worker answers."""
    before = worker(stand)
    stand.run("lb1", "systemctl", act, "haproxy")
    deadline = time.monotonic() + 10
    while worker(stand) == before:
        assert time.monotonic() < deadline, f"nothing came of the {act}"
        time.sleep(0.1)


def worker(stand: Stand) -> str:
    found = re.search(r"^Pid: (\d+)", stand.ask("show info")[0], re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("act", ["reload", "restart"])
def test_a_drain_outlives(drained: Stand, act: str) -> None:
    has_changed_hands(drained, act)
    seen = drained.reports()
    assert seen["pages/app1"].admin is Admin.DRAIN
    assert not seen["pages/app1"].is_serving
    assert [name for name, one in seen.items() if one.admin is not Admin.READY] == ["pages/app1"]
    hosts = (
        {drained.echoed(f"https://{SITE}/")["host"] for _ in range(6)} if more(drained) else set()
    )
    assert "app1" not in hosts


def more(stand: Stand) -> bool:
    return len(stand.apps) > 1


@pytest.mark.long
def test_an_operators_word_outlives_a_process_that_is_killed(drained: Stand) -> None:
    before = worker(drained)
    drained.run("lb1", "systemctl", "kill", "--signal=KILL", "haproxy")
    deadline = time.monotonic() + 10
    while worker(drained) == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert drained.reports()["pages/app1"].admin is Admin.DRAIN


def test_a_server_that_is_down_is_not_taken_for_up_after_a_reload(stand: Stand) -> None:
    set_state(stand, "ready")  # what is kept from now on says that it is up
    stand.sicken("/-/pages")
    try:
        stand.wait(lambda seen: is_long_down(seen["pages/app1"]))
        has_changed_hands(stand, "reload")
        # A new process that had to find out for itself would say: just now.
        assert is_long_down(stand.reports()["pages/app1"])
    finally:
        stand.sicken()
        stand.wait_until_all_serve()


def is_long_down(server: Report) -> bool:
    return server.status == "DOWN" and server.since_seconds >= 4


@pytest.mark.long
def test_what_was_said_of_another_address_is_forgotten(drained: Stand) -> None:
    """app1's pages move to another port, where nobody is."""
    before = drained.run("lb1", "cat", CONFIG)
    moved = re.sub(r"(server app1 \S+):8080", r"\1:8081", before)
    assert moved != before
    try:
        drained.run("lb1", "sh", "-c", f"cat > {CONFIG}", stdin=moved)
        has_changed_hands(drained, "reload")
        state = drained.ask("show servers state pages")[0]
        (line,) = [line for line in state.splitlines() if " app1 " in line]
        assert " 8081 " in line
        assert " 8080 " not in line
        assert drained.reports()["pages/app1"].admin is Admin.READY
    finally:
        drained.run("lb1", "sh", "-c", f"cat > {CONFIG}", stdin=before)
        has_changed_hands(drained, "reload")


def test_a_server_that_is_not_there_is_said_to_be_none(stand: Stand) -> None:
    with pytest.raises(ChangeFailed, match="No such server"):
        stand.ask("set server pages/app9 state drain", audit="drain pages/app9")
    with pytest.raises(ChangeFailed, match="One command at a time"):
        stand.ask("show info; show stat")


def test_reloads_lose_no_request_of_connections_that_are_kept(stand: Stand) -> None:
    stand.run("client", "sh", "-c", "cat > /run/load.py", stdin=LOAD)
    start = "python3 /run/load.py $0 $1 > /run/load.json 2>&1"
    stand.run("client", "systemd-run", "--quiet", "--unit", "load", "sh", "-c", start,
              stand.address("lb1"), "8")  # fmt: skip
    for _ in range(RELOADS):
        time.sleep(1.5)
        has_changed_hands(stand, "reload")
    stand.run("client", "sh", "-c", "while systemctl is-active --quiet load; do sleep 0.2; done")
    done: dict[str, Any] = json.loads(stand.run("client", "cat", "/run/load.json"))
    assert done["wrong"] == []
    assert done["pings"] > 100
    assert done["connections"] > 8, "nobody was asked to come again by a reload"


def test_a_config_that_haproxy_refuses_never_goes_live(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, process = stand.run("lb1", "cat", CONFIG), worker(stand)
    monkeypatch.setattr(load_balancer, "haproxy_cfg", lambda _: f"{before}    nonsense yes\n")
    results = apply_here(stand.fleet, nothing_told, only=Role.LOAD_BALANCER)
    assert {result.host for result in results} == {
        host.name for host in stand.fleet.of_role(Role.LOAD_BALANCER)
    }
    assert all("unknown keyword 'nonsense'" in result.trouble for result in results)
    assert stand.run("lb1", "cat", CONFIG) == before
    assert worker(stand) == process
    monkeypatch.undo()
    again = apply_here(stand.fleet, nothing_told, only=Role.LOAD_BALANCER)
    assert not any(result.trouble for result in again)
    balancers = [one for one in plan_of(stand.fleet).hosts if one.host.role is Role.LOAD_BALANCER]
    assert [change.key for one in balancers for change in one.changes] == []


def test_a_half_of_the_certificates_that_is_lost_is_made_and_the_other_one_stays(
    stand: Stand,
) -> None:
    """Beside a half that an authority has signed none is made: its pair is kept elsewhere."""
    folder, digest = "/etc/haproxy/certificates", "sha256sum /etc/haproxy/certificates/*.ecdsa"
    kept = "/run/certificates.kept"
    stand.run("lb1", "cp", "-a", folder, kept)
    try:
        stand.run("lb1", "sh", "-c", _FOREIGN)
        before = stand.run("lb1", "sh", "-c", digest)
        stand.run("lb1", "rm", f"{folder}/site.pem.rsa")
        results = apply_here(stand.fleet, nothing_told, only=Role.LOAD_BALANCER)
        assert "fab certs.install" in " ".join(result.trouble for result in results)
        assert stand.run("lb1", "sh", "-c", digest) == before
        stand.run("lb1", "sh", "-c", f"rm -r {folder}; cp -a {kept} {folder}")
        before, process = stand.run("lb1", "sh", "-c", digest), worker(stand)
        stand.run("lb1", "rm", f"{folder}/site.pem.rsa")
        results = apply_here(stand.fleet, nothing_told, only=Role.LOAD_BALANCER)
        assert not any(result.trouble for result in results)
        assert stand.run("lb1", "sh", "-c", digest) == before
        assert worker(stand) != process, "HAProxy was not told of the new one"
    finally:
        stand.run(
            "lb1", "sh", "-c", f"rm -r {folder}; mv {kept} {folder}; systemctl reload haproxy"
        )


def test_status_says_what_each_balancer_sees(stand: Stand) -> None:
    if stand.debian != 13:
        pytest.skip("the older fleet has hosts in its inventory that are off")
    well = fab("lb.status", "--fleet", str(stand.fleet.path))
    assert well.returncode == 0, well.stderr
    lines = well.stdout.splitlines()
    assert len(lines) == 1 + 2 * (3 + 6 + 6)
    assert lines[1].split()[:6] == ["lb1", "pages", "app1", "UP", "ready", "0"]
    stand.run("app2", "systemctl", "stop", "echo")
    try:
        stand.wait(lambda seen: not seen["pages/app2"].is_serving, "lb2")
        ill = fab("lb.status", "--fleet", str(stand.fleet.path), "--json")
        assert ill.returncode == 1
        assert "lb2: down: pages/app2" in ill.stderr
        rows = {(row["balancer"], row["backend"], row["server"]): row
                for row in json.loads(ill.stdout)}  # fmt: skip
        assert rows["lb2", "pages", "app2"]["check"] == "L4CON: Connection refused"
    finally:
        stand.run("app2", "sh", "-c", START)
        stand.wait_until_all_serve()


START = "systemd-run --quiet --unit echo python3 /run/echo/echo.py 8080 8100 8101"
