"""What the deployed application sees of strangers: who they are; and how much they may."""

import json
import re
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from provisioning.flows import PAGES, RECEIVER
from tests.ops.deploy.stage import APPS, BALANCERS, Stage, wait_until
from tests.ops.load_balancers.stand import FORGED, FORGERIES, PINGS, SITE, Answer, Stand

pytestmark = pytest.mark.lab

TRIES = 20  # of one address, for a password, before it has to wait
# From a host: which of these doors answer. A reset is an answer: no firewall was there.
KNOCK = """
import concurrent.futures, json, socket, sys


def answers(door):
    try:
        socket.create_connection(door, 1.5).close()
    except TimeoutError:
        return False
    except ConnectionRefusedError:
        pass
    return True


doors = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(doors)) as pool:
    found = list(pool.map(answers, doors))
print(json.dumps([door for door, is_open in zip(doors, found) if is_open]))
"""


@pytest.fixture
def stand(deployed: Stage) -> Stand:
    return Stand(deployed.rehearsal, deployed.fleet, 13)


def test_who_hammers_has_to_wait_and_nobody_else(deployed: Stage, stand: Stand) -> None:
    key, limit = deployed.member("mallory@example.org"), deployed.fleet.ping_rate_per_minute
    paths = [f"{key}/{name}" for name in ("one", "two", "three", "quiet")]
    for path in paths:
        assert stand.curl(f"https://{PINGS}/{path}?create=1").status in (200, 201)
    *loud, quiet = paths
    address = stand.address("lb1")
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(stand.hammer, "obs1", address, 80, quiet, pause_seconds=0.05)
        hammered = stand.hammer("world", address, 2 * limit, *loud)
        neighbour = beside.result()
    assert (hammered["seen"]["429"], hammered["retry_after"]) == (20, "60")
    assert limit <= hammered["seen"]["200"] <= 1.5 * limit
    assert neighbour["seen"] == {"200": 80}
    acknowledged = hammered["acknowledged"] + neighbour["acknowledged"]
    assert deployed.lost_and_doubled(acknowledged) == (0, 0)
    assert not _stored(deployed, *hammered["refused"])
    page = stand.curl(f"https://{SITE}/sign-in/", client="world")
    assert page.status == 200  # pings alone are counted


def test_a_ping_is_stored_with_the_address_of_who_sent_it(deployed: Stage, stand: Stand) -> None:
    target, expected = deployed.targets[0], dict[str, str]()
    for balancer in BALANCERS:
        for family in (4, 6):
            for scheme in ("http", "https"):
                rid = str(uuid.uuid4())
                url = f"{scheme}://{PINGS}/{target}?rid={rid}"
                answer = stand.curl(url, *FORGERIES, family=family, to=balancer)
                assert (answer.status, answer.body) == (200, "OK")
                expected[rid] = f"{scheme} {stand.address('client', family)}"
    wait_until(lambda: len(_stored(deployed, *expected)) == len(expected))
    assert _stored(deployed, *expected) == expected


@pytest.mark.parametrize("family", [4, 6])
def test_who_guesses_passwords_waits_whatever_it_says_of_itself(
    deployed: Stage, stand: Stand, family: int
) -> None:
    """Addresses that it makes up are of no use to it, and harm nobody who really has them."""
    neighbour, other = ("obs1", 4) if family == 4 else ("app1", 6)  # of another /64
    try:
        for number in range(TRIES):
            balancer = BALANCERS[number % 2]
            forged = f"X-Forwarded-For: 203.0.113.{number}"
            assert _try_password(stand, "world", family, balancer, forged).status == 422
        true = stand.address(neighbour, other)
        refused = _try_password(stand, "world", family, "lb2", f"X-Forwarded-For: {true}")
        assert refused.status == 429
        assert "Too many tries" in refused.body
        assert int(refused.headers["retry-after"]) > 60
        beside = _try_password(
            stand, neighbour, other, "lb2", f"X-Forwarded-For: {stand.address('world', family)}"
        )
        assert beside.status == 422
    finally:
        deployed.psql("DELETE FROM accounts_bucket")


def test_only_balancers_reach_the_application(deployed: Stage, stand: Stand) -> None:
    doors = [
        [stand.address(app, family), service.port]
        for app in APPS
        for family in (4, 6)
        for service in (PAGES, *RECEIVER)
    ]
    for balancer in BALANCERS:
        assert stand.python(balancer, KNOCK, json.dumps(doors)) == doors
    strangers = ("client", "world", "obs1", "db1")
    with ThreadPoolExecutor(len(strangers) + 1) as pool:
        here = pool.submit(_knock_from_here, doors)
        seen = pool.map(lambda host: stand.python(host, KNOCK, json.dumps(doors)), strangers)
        assert dict(zip(strangers, seen, strict=True)) == {host: [] for host in strangers}
        assert here.result() == []
    own = {stand.address("app2", family) for family in (4, 6)}
    others = [door for door in doors if door[0] not in own]
    assert stand.python("app2", KNOCK, json.dumps(others)) == []


def _knock_from_here(doors: list[list[object]]) -> object:
    command = [sys.executable, "-c", KNOCK, json.dumps(doors)]
    return json.loads(subprocess.check_output(command, text=True, timeout=30))


def _stored(stage: Stage, *rids: str) -> dict[str, str]:
    """Return by rid how each of the pings came and from where, of those that are stored."""
    wanted = ",".join(f"'{rid}'" for rid in rids)
    words = f"SELECT rid, scheme || ' ' || remote_addr FROM pings_ping WHERE rid IN ({wanted})"  # noqa: S608
    return dict(line.split("|") for line in stage.psql(words).splitlines())


def _try_password(stand: Stand, client: str, family: int, balancer: str, forged: str) -> Answer:
    """Try a wrong password for somebody, from a browser that was never here before."""
    url, jar = f"https://{SITE}/sign-in/", "/run/jar"
    said = ("-H", forged, *FORGERIES)
    page = stand.curl(url, "-c", jar, *said, client=client, family=family, to=balancer)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    assert token is not None, page
    form = f"csrfmiddlewaretoken={token[1]}&email={uuid.uuid4()}@example.org&password=guessed"
    options = ("-b", jar, "-H", f"Referer: {url}", "--data", form, *said)
    answer = stand.curl(url, *options, client=client, family=family, to=balancer)
    assert FORGED not in answer.body
    return answer
