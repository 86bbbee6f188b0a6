"""Servers are taken out and in by an operator's hand, and deploys respect it."""

import json
import re

import pytest

from tests.ops.deploy.stage import BALANCERS, Stage

pytestmark = [pytest.mark.lab, pytest.mark.long]

MAINTENANCE = "/etc/stillhere/maintenance"


def test_a_server_is_taken_out_and_in_under_load(stage: Stage) -> None:
    with stage.traffic() as counted:
        assert stage.fab("lb.drain", "--host", "app2").returncode == 0
        assert stage.lb_states("app2") == {("DRAIN", "drain")}
        told = json.loads(stage.fab("doctor", "--json").stdout)
        said = {one["host"]: one for one in told if one["subject"] == "backends"}
        assert {name: one["level"] for name, one in said.items()} == dict.fromkeys(
            BALANCERS, "note"
        )
        for one in said.values():
            assert re.match(
                r"app2 is out \(drain\): 20\S+ operator=\S+@.*fab lb.drain", one["words"]
            )
        assert stage.fab("lb.maintenance", "--host", "app2").returncode == 0
        assert stage.lb_states("app2") == {("MAINT", "maint")}
        assert "by " in stage.run("app2", f"cat {MAINTENANCE}")
        assert stage.status()[0] == 1
        done = stage.fab("lb.ready", "--host", "app2")
    assert done.returncode == 0, done.stderr
    assert stage.all_serve()
    assert counted.failures == (0, [])


def test_a_deploy_leaves_out_what_a_hand_has_taken_out(stage: Stage) -> None:
    assert stage.fab("lb.maintenance", "--host", "app2").returncode == 0
    new = stage.release("Beside a server in maintenance")
    done = stage.deploy(new)
    try:
        assert done.returncode == 2, done.stderr  # all is done, and not all serve
        assert "left out, as it was by hand; fab lb.ready app2" in done.stderr
        assert set(stage.releases().values()) == {new[:12]}
        assert stage.lb_states("app2") == {("MAINT", "maint")}
        assert stage.lb_states("app1") == {("UP", "ready")}
    finally:
        assert stage.fab("lb.ready", "--host", "app2").returncode == 0
    assert stage.all_have(new)
    stage.base = new


def test_the_last_one_is_not_taken_out_by_mistake(stage: Stage) -> None:
    try:
        for name in ("app1", "app2"):
            assert stage.fab("lb.drain", "--host", name).returncode == 0
        refused = stage.fab("lb.drain", "--host", "app3")
        assert refused.returncode == 1
        assert "app3 is the last that serves" in refused.stderr
        assert stage.lb_states("app3") == {("UP", "ready")}
        stopped = stage.deploy(stage.release("With nobody beside"))
        assert stopped.returncode == 1
        assert "is the last that serves" in stopped.stderr
        assert stage.lb_states("app3") == {("UP", "ready")}
        for name in BALANCERS:
            assert stage.curl(name, 4, "https://stillhere.test/sign-in/") == "200"
    finally:
        for name in ("app1", "app2"):
            assert stage.fab("lb.ready", "--host", name).returncode == 0
