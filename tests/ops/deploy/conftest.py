"""What a test of deploys may harm: afterwards its base serves again."""

from collections.abc import Iterator

import pytest

from tests.ops.deploy.stage import APPS, Stage


@pytest.fixture
def stage(deployed: Stage) -> Iterator[Stage]:
    """Give the same to a test that may do harm: its base serves again afterwards."""
    yield deployed
    if not deployed.all_serve():
        for name in APPS:  # out by hand, or by a balancer that was off: a deploy leaves it so
            deployed.fab("lb.ready", "--host", name)
        done = deployed.deploy(deployed.base)
        assert done.returncode == 0, done.stdout + done.stderr
