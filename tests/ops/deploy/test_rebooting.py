"""Servers are booted anew while others serve; one that does not come back well stops it."""

import pytest

from tests.ops.deploy.stage import Stage

pytestmark = [pytest.mark.lab, pytest.mark.long]

DROP_IN = "/etc/systemd/system/stillhere-receiver@1.service.d"


def boot(stage: Stage, host: str) -> str:
    return stage.run(host, "cat /proc/sys/kernel/random/boot_id")


def test_servers_are_booted_anew_one_by_one_and_no_client_notices(stage: Stage) -> None:
    hosts = ("app2", "app3", "obs1")
    before = [boot(stage, host) for host in hosts]
    with stage.traffic() as counted:
        done = stage.fab("hosts.reboot", ",".join(hosts))
    assert done.returncode == 0, done.stderr
    assert "Done: app2, app3, obs1." in done.stderr
    assert not set(before) & {boot(stage, host) for host in hosts}
    assert stage.all_serve()
    assert counted.failures == (0, [])
    assert stage.lost_and_doubled(counted.said["acknowledged"]) == (0, 0)


def test_one_that_comes_back_ill_stays_out_and_ends_it(stage: Stage) -> None:
    third = boot(stage, "app3")
    stage.run(
        "app2",
        f"mkdir -p {DROP_IN}; printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' "
        f"> {DROP_IN}/ill.conf",
    )
    try:
        with stage.traffic() as counted:
            done = stage.fab("hosts.reboot", "app2,app3")
        assert done.returncode == 1, done.stderr
        assert "STOPPED. app2: is in maintenance, and serves nothing" in done.stderr
        assert "to go on:    fab hosts.reboot app2,app3" in done.stderr
        assert boot(stage, "app3") == third
        assert stage.lb_states("app2") == {("MAINT", "maint")}
        assert counted.failures == (0, [])
    finally:
        stage.run("app2", f"rm -rf {DROP_IN}; systemctl daemon-reload")
    again = stage.fab("hosts.reboot", "app2")
    assert again.returncode == 0, again.stderr
    assert stage.all_serve()
