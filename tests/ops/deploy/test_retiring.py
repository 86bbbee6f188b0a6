"""Application servers leave: what they took arrives, and no alert waits for them."""

import threading
from uuid import uuid4

import pytest

from provisioning.flows import RECEIVER
from tests.ops.deploy.stage import Stage, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.long]

RETIRED = "SELECT DISTINCT is_retired FROM pings_position WHERE server = 'app3'"


def ping(stage: Stage, slot: int = 0) -> str:
    """Ping a receiver of app3 past all balancers; return the ping's run id."""
    rid = str(uuid4())
    url = f"http://app3:{RECEIVER[slot].port}/ping/{stage.targets[0]}?rid={rid}"
    assert stage.run("lb1", f"curl -s -m 5 -H 'Host: ping.stillhere.test' '{url}'") == "OK"
    return rid


def drain_is(stage: Stage, word: str) -> None:
    stage.run("app3", f"systemctl kill --signal={word} stillhere-drain")


def back(stage: Stage) -> None:
    """Have the retired server serve again."""
    assert stage.deploy(stage.base).returncode in (0, 2)
    ready = stage.fab("lb.ready", "app3")
    assert ready.returncode == 0, ready.stderr
    assert stage.all_serve()


def test_a_server_leaves_under_load_with_all_that_it_took(stage: Stage) -> None:
    with stage.traffic() as counted:
        done = stage.fab("app.retire", "app3")
    try:
        assert done.returncode == 0, done.stderr
        assert "[hosts.app3]" in done.stderr
        assert stage.psql(RETIRED).split() == ["t"]
        assert stage.lb_states("app3") == {("MAINT", "maint")}
        assert stage.status()[1]["app3"]["running"] == [""]
        again = stage.fab("app.retire", "app3")
        assert again.returncode == 0, again.stderr
    finally:
        back(stage)
    assert counted.failures == (0, [])
    assert stage.lost_and_doubled(counted.said["acknowledged"]) == (0, 0)
    wait_until(lambda: stage.psql(RETIRED).split() == ["f"])


def test_it_is_waited_for_until_the_drain_has_brought_the_last_ping(stage: Stage) -> None:
    drain_is(stage, "STOP")
    rid = ping(stage)
    late = threading.Timer(25, drain_is, (stage, "CONT"))
    late.start()
    try:
        done = stage.fab("app.retire", "app3")
        assert done.returncode == 0, done.stderr
        assert "1 ping on its way" in done.stderr
        assert stage.lost_and_doubled([rid], within_seconds=0) == (0, 0)
    finally:
        late.join()
        back(stage)


def test_a_dead_server_is_forgotten_and_what_its_disk_has_arrives_once(stage: Stage) -> None:
    alive = stage.fab("app.forget", "app3", "--confirm", "app3")
    assert alive.returncode == 1
    assert "app3 answers. fab app.retire app3 loses nothing." in alive.stderr
    drain_is(stage, "STOP")
    rid = ping(stage)
    stage.rehearsal.kill("app3")
    try:
        wait_until(lambda: {one for one, _ in stage.lb_states("app3")} == {"DOWN"})
        unnamed = stage.fab("app.forget", "app3")
        assert (unnamed.returncode, "Say --confirm app3." in unnamed.stderr) == (1, True)
        assert "receiver 1  waited for; last reported" in unnamed.stderr
        assert stage.psql(RETIRED).split() == ["f"]
        done = stage.fab("app.forget", "app3", "--confirm", "app3")
        assert done.returncode == 0, done.stderr
        assert "[hosts.app3]" in done.stderr
        assert stage.psql(RETIRED).split() == ["t"]
        again = stage.fab("app.forget", "app3")
        assert (again.returncode, "forgotten already" in again.stderr) == (0, True)
    finally:
        stage.rehearsal.start("app3")
    assert stage.lost_and_doubled([rid]) == (0, 0)
    assert stage.lb_states("app3") == {("MAINT", "maint")}
    assert stage.fab("lb.ready", "app3").returncode == 0
    assert stage.all_serve()
    assert stage.psql(RETIRED).split() == ["f"]
