"""Debian's packages are upgraded on servers that serve, and their clients do not notice."""

import pytest

from tests.ops.deploy.packages import Probe
from tests.ops.deploy.stage import APPS, Stage

pytestmark = pytest.mark.lab


def test_where_nothing_is_to_upgrade_nothing_is_touched(stage: Stage) -> None:
    before = {name: stage.run(name, "systemctl show -P MainPID nginx") for name in APPS}
    done = stage.fab("hosts.update", "app_server,observer")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nothing to upgrade") == len(APPS) + 1
    assert "drain" not in done.stderr
    assert {name: stage.run(name, "systemctl show -P MainPID nginx") for name in APPS} == before


@pytest.mark.long
def test_what_runs_from_replaced_files_is_restarted_out_of_its_clients_sight(stage: Stage) -> None:
    with Probe(stage, "app2").installed() as probe, stage.traffic() as counted:
        before = probe.processes()
        probe.offer("2")
        done = stage.fab("hosts.update", "app2,app3")
        assert done.returncode == 0, done.stderr
        assert "app2  upgrade stillhere-probe 1 -> 2" in done.stdout
        assert "app3  nothing to upgrade" in done.stdout
        assert "Done: app2." in done.stderr
        assert probe.version() == "2"
        assert not set(before.values()) & set(probe.processes().values())
        assert stage.all_serve()
        again = stage.fab("hosts.update", "app2")
        assert (again.returncode, "Nothing to upgrade." in again.stderr) == (0, True)
    assert counted.failures == (0, [])


@pytest.mark.long
def test_an_upgrade_that_fails_stops_and_leaves_the_server_serving(stage: Stage) -> None:
    with Probe(stage, "app1").installed() as one, Probe(stage, "app2").installed() as other:
        with stage.traffic() as counted:
            one.offer("2", after="exit 7")
            other.offer("2")
            done = stage.fab("hosts.update", "app1,app2")
            assert done.returncode == 1, done.stderr
            assert "STOPPED. app1: has release" in done.stderr
            assert "to go on:    fab hosts.update app1,app2" in done.stderr
            assert other.version() == "1"
            assert stage.all_serve()
            one.offer("3")
            mended = stage.fab("hosts.update", "app1,app2")
            assert mended.returncode == 0, mended.stderr
            assert (one.version(), other.version()) == ("3", "2")
        assert counted.failures == (0, [])
    assert stage.all_serve()


@pytest.mark.long
def test_the_observer_is_updated_without_a_balancer(stage: Stage) -> None:
    with Probe(stage, "obs1", in_drain=False).installed() as probe:
        probe.offer("2")
        done = stage.fab("hosts.update", "obs1")
        assert done.returncode == 0, done.stderr
        assert probe.version() == "2"
