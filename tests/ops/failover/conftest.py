"""Two database hosts under a deployed product; whatever a test did to them is mended."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ops.deploy.stage import Stage
from tests.ops.failover.pair import Pair, until


@pytest.fixture(scope="session")
def both(deployed: Stage, backed_up: dict[str, Any]) -> Pair:
    """Return both, one of them the primary; there is a backup, without which none fails over."""
    assert backed_up
    pair = Pair(deployed, deployed.product)
    until(pair.streams, "the standby to stream")
    return pair


@pytest.fixture
def pair(both: Pair) -> Iterator[Pair]:
    """Give them, one following the other."""
    if not both.streams():
        both.heal()
    yield both
    if not both.streams():
        both.heal()
