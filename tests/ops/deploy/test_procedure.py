"""Releases go out while clients work, and nobody notices; those that are no good go back."""

import time

import pytest

from tests.ops.deploy.stage import APPS, BALANCERS, Stage

pytestmark = pytest.mark.lab

DOES_NOT_BOOT = "raise RuntimeError('this release does not boot')"
ANSWERS_500 = "\n\ndef sign_in(request):\n    raise RuntimeError('this release answers 500')"
FAILS = """
from django.db import migrations


def fail(apps, schema_editor):
    raise RuntimeError("this migration fails")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_sessions_and_ping_keys")]
    operations = [migrations.RunPython(fail, migrations.RunPython.noop)]
"""
FAILING = "app/accounts/migrations/0004_fails.py"


def test_pages_and_pings_answer_through_every_door(deployed: Stage) -> None:
    code, found = deployed.status()
    assert code == 0, found
    assert deployed.all_have(deployed.base)
    for balancer in BALANCERS:
        for family in (4, 6):
            assert deployed.curl(balancer, family, "https://stillhere.test/sign-in/") == "200"
            ping = f"https://ping.stillhere.test/{deployed.targets[0]}"
            assert deployed.curl(balancer, family, ping) == "200"
    assert deployed.fab("plan").returncode == 0


def test_a_release_that_does_not_boot_goes_back_where_it_was_tried(stage: Stage) -> None:
    bad = stage.release("Does not boot", "app/wsgi.py", DOES_NOT_BOOT)
    with stage.traffic() as counted:
        done = stage.deploy(bad)
    _was_put_back(stage, done.returncode, bad)
    said = done.stdout + done.stderr
    assert "this release does not boot" in said
    assert f"STOPPED. app1: has release {stage.base[:12]} again, and serves" in said
    assert f"fab deploy.rollback --fleet {stage.fleet.name} --release {stage.base[:12]}" in said
    assert counted.failures == (0, [])


def test_a_release_goes_out_under_load_and_nobody_notices(stage: Stage) -> None:
    second = stage.release("The second")
    with stage.traffic() as counted:
        done = stage.deploy(second)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stage.all_have(second)
    stage.base = second
    assert counted.failures == (0, [])
    assert stage.lost_and_doubled(counted.said["acknowledged"]) == (0, 0)


@pytest.mark.long
def test_these_clients_notice_a_restart_that_waits_for_nobody(stage: Stage) -> None:
    """Else that nobody notices a deploy would say little."""
    with stage.traffic() as counted:
        time.sleep(4)
        for name in APPS:
            stage.run(name, "systemctl restart stillhere-receiver@0 stillhere-receiver@1")
            time.sleep(4)
    assert counted.said["failed"] > 0
    assert all("slow pings" in words for words in counted.said["examples"]), counted.said
    assert stage.lost_and_doubled(counted.said["acknowledged"]) == (0, 0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "add", "words"),
    [
        ("app/pings/connection.py", DOES_NOT_BOOT, "does not stay up"),
        ("app/pages/sign_in.py", ANSWERS_500, "/sign-in/ on port 8080: status 500"),
    ],
)
def test_a_release_that_answers_wrongly_goes_back(
    stage: Stage, path: str, add: str, words: str
) -> None:
    bad = stage.release("Is no good", path, add)
    with stage.traffic() as counted:
        done = stage.deploy(bad)
    _was_put_back(stage, done.returncode, bad)
    assert words in done.stderr
    assert counted.failures == (0, [])


@pytest.mark.long
def test_a_migration_that_fails_or_may_not_run_stops_before_anything_is_switched(
    stage: Stage,
) -> None:
    bad = stage.release("Cannot migrate", FAILING, FAILS)
    with stage.traffic() as counted:
        refused = stage.deploy(bad)
        failed = stage.deploy(bad, "--allow", "accounts.0004_fails")
    assert refused.returncode == failed.returncode == 1
    assert "Not beside a running service" in refused.stderr
    assert "this migration fails" in failed.stderr
    assert "Nothing was switched" in failed.stderr
    assert stage.all_serve()
    assert counted.failures == (0, [])


@pytest.mark.long
def test_one_command_goes_back(stage: Stage) -> None:
    second = stage.release("To go back from")
    assert stage.deploy(second).returncode == 0
    with stage.traffic() as counted:
        done = stage.fab("deploy.rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stage.all_have(stage.base)
    assert counted.failures == (0, [])
    again = stage.deploy(stage.base)
    assert again.returncode == 0
    assert "Nothing to do" in again.stderr


def _was_put_back(stage: Stage, status: int, bad: str) -> None:
    """Only databases and observer have it: nothing of it runs there before a timer does."""
    assert status == 1
    found = stage.releases()
    assert {found[name] for name in APPS} == {stage.base[:12]}
    assert {found[name] for name in ("db1", "db2", "obs1")} == {bad[:12]}
    for name in APPS:
        assert stage.lb_states(name) == {("UP", "ready")}
    assert stage.status()[0] == 1
