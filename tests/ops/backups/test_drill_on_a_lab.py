"""Backups of a fleet: the standby takes them, the observer has them come back, or is red."""

from typing import Any

import pytest

from ops.lab import hosts
from ops.lab.drill.tampering import Tampering
from tests.ops.deploy.stage import Stage

pytestmark = pytest.mark.lab

LIST = """systemd-run --quiet --pipe --wait --collect --uid=postgres \\
    --property=WorkingDirectory=/srv/stillhere/current --setenv=PYTHONPATH=.:site-packages \\
    python3 -m backups list"""


def test_the_standby_takes_a_backup_and_it_comes_back(
    deployed: Stage, backed_up: dict[str, Any]
) -> None:
    assert backed_up["taken_from"] == "standby"
    assert backed_up["host"] == deployed.product.standby()
    assert backed_up["counts"]["checks_check"] >= deployed.checks
    assert backed_up["newest_ping_at"] is not None


def test_a_database_host_cannot_read_what_it_has_stored(
    deployed: Stage, backed_up: dict[str, Any]
) -> None:
    lab = deployed.rehearsal.lab
    for name in ("db1", "db2"):
        done = hosts.execute(lab, lab.host(name), ["sh", "-c", LIST])
        assert done.returncode == 1, done.stdout
        assert "may not" in done.stderr
        assert backed_up["id"] not in done.stdout + done.stderr


def test_a_backup_with_one_bit_turned_over_is_red(
    deployed: Stage, backed_up: dict[str, Any]
) -> None:
    found = Tampering(deployed.product, backed_up["id"]).verdict("bitflip")
    assert found["verified"] is False
    assert found["trouble"]


@pytest.mark.long
def test_what_is_no_good_is_red_and_a_true_copy_is_not(
    deployed: Stage, backed_up: dict[str, Any]
) -> None:
    rejected = Tampering(deployed.product, backed_up["id"]).rejected()
    assert rejected == {"empty": True, "old": True, "truncated": True, "bitflip": True}
