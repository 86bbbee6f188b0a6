"""What an operator is shown of a fleet that was applied, given certificates, and deployed."""

import json

import pytest

from provisioning.fleet import Fleet
from tests.ops.deploy.stage import APPS, Stage

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "verb", ["plan", "net.verify", "lb.status", "deploy.status", "certs.status"]
)
def test_nothing_is_wrong_and_nothing_is_left_to_do(
    deployed: Stage, issued: Fleet, verb: str
) -> None:
    done = deployed.fab(verb)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_doctor_finds_everybody_well(deployed: Stage, issued: Fleet) -> None:
    done = deployed.fab("doctor", "--json")
    lines = json.loads(done.stdout)
    assert [one for one in lines if one["level"] == "red"] == []
    assert done.returncode == 0
    for subject in ("mail", "health", "database"):
        levels = {one["host"]: one["level"] for one in lines if one["subject"] == subject}
        assert {levels[name] for name in APPS} == {"green"}, subject
