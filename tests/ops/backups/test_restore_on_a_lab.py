"""Both databases are lost, and everything that was acknowledged comes back."""

import pytest

from ops.lab.drill.restore import RestoreDrill
from tests.ops.deploy.stage import Stage

pytestmark = pytest.mark.lab


@pytest.fixture
def wiped(deployed: Stage) -> Stage:
    """Return a fleet to a test after which its database hosts are new ones."""
    return deployed


@pytest.mark.long
@pytest.mark.timeout(2_400)
def test_new_database_hosts_get_every_ping_back(wiped: Stage) -> None:
    words = list[str]()
    drill = RestoreDrill(wiped.product, words.append, wiped.base, wiped.environment)
    found = drill.cycle()
    assert set(found) == {
        "verified", "counts_expected", "counts_restored", "tampered_rejected",
        "seconds_by_part", "bytes",
    }  # fmt: skip
    assert found["verified"] is True
    assert found["counts_restored"] == found["counts_expected"]
    assert found["tampered_rejected"] == dict.fromkeys(
        ("empty", "old", "truncated", "bitflip"), True
    )
    assert len(drill.acknowledged) > 0
    assert wiped.fab("plan").returncode == 0
