"""Operators who are cut off, two of them, hosts that die: a rerun finishes, never half."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.fleets import find_fleet
from ops.reading import sessions_with
from tests.ops.deploy.stage import APPS, Stage, wait_for, wait_until

pytestmark = pytest.mark.lab

# What an operator's agents on a host hang on.
END_SESSIONS = (
    'for agent in $(pgrep -f "^python3 -uc import sys,json"); '
    "do kill -9 $(ps -o ppid= $agent); done"
)
# What is shown when a step of the first application server is done.
STEPS = ("drain", "wait", "maintenance", "stop notifier", "switch", "restart", "smoke", "ready")


def test_a_killed_operators_rerun_finishes(stage: Stage) -> None:
    new = stage.release("Cut off after the switch")
    _cut_off_after(stage, new, "switch")
    assert stage.lb_states("app1") == {("MAINT", "maint")}
    assert stage.status()[0] == 1
    _rerun_finishes(stage, new)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_rerun_finishes_after_a_cut_at_every_step(stage: Stage, step: str) -> None:
    new = stage.release(f"Cut off after {step}")
    _cut_off_after(stage, new, step)
    _rerun_finishes(stage, new)


@pytest.mark.long
def test_a_rollback_finishes_what_was_cut_off_too(stage: Stage) -> None:
    new = stage.release("Cut off, and not wanted")
    with stage.traffic() as counted:
        _cut_off_after(stage, new, "restart")
        done = stage.fab("deploy.rollback", "--release", stage.base[:12])
    assert done.returncode == 0, done.stdout + done.stderr
    assert stage.all_have(stage.base)
    assert counted.failures == (0, [])


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_stops_it_gets_the_server_back_as_it_was(stage: Stage, number: signal.Signals) -> None:
    new = stage.release(f"Stopped by {number.name}")
    with stage.traffic() as counted, stage.operator(new) as operator:
        wait_for(operator, "app1    switch")
        operator.send_signal(number)
        said, _ = operator.communicate(timeout=120)
    assert operator.returncode == 1
    assert f"app1: has release {stage.base[:12]} again, and serves" in said
    assert stage.all_serve()
    assert counted.failures == (0, [])


@pytest.mark.long
def test_a_second_operator_is_told_who_is_at_work(stage: Stage) -> None:
    new = stage.release("Of the first operator")
    with stage.operator(new) as operator:
        wait_for(operator, "app1    drain")
        refused = stage.deploy(stage.release("Of the second operator"))
        by_hand = stage.fab("lb.ready", "--host", "app1")
        said, _ = operator.communicate(timeout=200)
    assert operator.returncode == 0, said
    for one in (refused, by_hand):
        assert one.returncode == 1
        assert f"fab deploy {new[:12]}" in one.stderr
    assert stage.all_have(new)
    stage.base = new


@pytest.mark.long
def test_a_server_that_dies_in_the_middle_stops_the_roll(stage: Stage) -> None:
    new = stage.release("Its host dies")
    with stage.operator(new) as operator:
        wait_for(operator, "app2    maintenance")
        stage.rehearsal.kill("app2")
        said, _ = operator.communicate(timeout=200)
    try:
        assert operator.returncode == 1
        assert "STOPPED. app2: does not answer" in said
        assert "--without app2" in said
        assert stage.releases()["app1"] == new[:12]
        assert stage.lb_states("app2") == {("MAINT", "maint")}
        refused = stage.deploy(new)
        assert refused.returncode == 1
        assert "Nothing was begun" in refused.stderr
        without = stage.deploy(new, "--without", "app2")
        assert without.returncode == 2, without.stderr
    finally:
        stage.rehearsal.start("app2")
    _rerun_finishes(stage, new)


@pytest.mark.long
def test_lines_that_break_for_a_moment_leave_no_server_out(stage: Stage) -> None:
    """As a laptop's network does: all at once, the hosts are well and there again at once."""
    new = stage.release("Its lines break")
    with stage.traffic() as counted, stage.operator(new) as operator:
        wait_for(operator, "app1    restart")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: stage.run(name, END_SESSIONS), ("lb1", "lb2", "app1")))
        said, _ = operator.communicate(timeout=300)
    assert operator.returncode == 1
    assert f"app1: has release {stage.base[:12]} again, and serves" in said
    assert "--without" not in said
    assert stage.all_serve()
    assert counted.failures == (0, [])


@pytest.mark.long
def test_a_balancer_that_dies_in_the_middle_stops_the_roll(stage: Stage) -> None:
    """Whether it still serves nobody can know from here: then no server is restarted."""
    new = stage.release("A balancer dies")
    with stage.traffic(through=["lb1"]) as counted:
        with stage.operator(new) as operator:
            wait_for(operator, "app2    maintenance")
            stage.rehearsal.kill("lb2")
            said, _ = operator.communicate(timeout=300)
        try:
            assert operator.returncode == 1
            assert f"STOPPED. app2: has release {stage.base[:12]} again, and serves" in said
            assert f"--commit {new[:12]} --without lb2" in said
            assert stage.releases()["app1"] == new[:12]
            assert {name: stage.lb_states(name) for name in APPS} == {
                name: {("UP", "ready")} for name in APPS
            }
            without = stage.deploy(new, "--without", "lb2")
            assert without.returncode == 2, without.stderr
            assert stage.all_have(new)
            for verb in ("lb.drain", "lb.ready"):
                assert stage.fab(verb, "--host", "app3").returncode == 1
                assert stage.fab(verb, "--host", "app3", "--without", "lb2").returncode == 0
            rebooted = stage.fab("hosts.reboot", "app3", "--without", "lb2")
            assert rebooted.returncode == 0, rebooted.stderr
        finally:
            stage.rehearsal.start("lb2")
        stage.base = new
        # It comes back with what it was told last, and is not believed.
        wait_until(lambda: stage.lb_states("app2") == {("UP", "ready"), ("MAINT", "maint")})
        refused = stage.deploy(stage.release("While they disagree"))
        assert refused.returncode == 1
        assert "app2: maint on lb2; ready on lb1" in refused.stderr
        assert stage.fab("lb.ready", "--host", "app2").returncode == 0
    assert stage.all_have(new)
    assert counted.failures == (0, [])


@pytest.mark.long
def test_a_reload_of_a_balancer_does_not_bring_a_drained_server_back(stage: Stage) -> None:
    new = stage.release("Reloaded in the middle")
    with stage.traffic() as counted:
        _cut_off_after(stage, new, "stop notifier")
        stage.run("lb1", "systemctl reload haproxy")
        wait_until(lambda: stage.lb_states("app1") == {("MAINT", "maint")})
        done = stage.deploy(new)
    assert done.returncode == 0, done.stderr
    assert counted.failures == (0, [])
    stage.base = new


def _cut_off_after(stage: Stage, commit: str, step: str) -> None:
    """Kill fab without a word when a step of app1 is done, and wait until its locks are free."""
    with stage.operator(commit) as operator:
        wait_for(operator, f"app1    {step}")
        operator.send_signal(signal.SIGKILL)
        operator.wait(10)
    fleet = find_fleet(str(stage.fleet.path))
    hosts = [host for host in fleet.hosts if host.name in (*APPS, "lb1", "lb2", "db1")]

    def is_free() -> bool:
        with sessions_with(fleet) as sessions:
            return not any(
                sessions.of(host).ask("lock", who="test", why="is it free?").get("held_by")
                for host in hosts
            )

    wait_until(is_free)


def _rerun_finishes(stage: Stage, commit: str) -> None:
    done = stage.deploy(commit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stage.all_have(commit)
    stage.base = commit
