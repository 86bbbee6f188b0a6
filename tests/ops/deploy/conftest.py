"""A fleet with a first release, for all tests here; afterwards it is as an apply has left it."""

from collections.abc import Iterator

import pytest

from provisioning.fleet import Fleet
from tests.architecture.tree import ROOT
from tests.ops.deploy.stage import APPS, Stage
from tests.ops.rehearsal import Rehearsal
from tests.ops.release.scratch import Scratch


@pytest.fixture(scope="package")
def deployed(
    rehearsal: Rehearsal, applied: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Give the lab with the product as it stands in this checkout, committed or not.

    Its releases are commits of a scratch repository, which git is told to look into.
    """
    scratch = Scratch(tmp_path_factory.mktemp("releases"))
    environment = {
        "STILLHERE_RELEASES": str(ROOT / "build" / "releases"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(scratch.root / ".git/objects"),
    }
    stage = Stage(rehearsal, applied, scratch, environment)
    stage.begin()
    try:
        yield stage
    finally:
        stage.undo()


@pytest.fixture
def stage(deployed: Stage) -> Iterator[Stage]:
    """Give the same to a test that may do harm: its base serves again afterwards."""
    yield deployed
    if not deployed.all_serve():
        for name in APPS:  # out by hand, or by a balancer that was off: a deploy leaves it so
            deployed.fab("lb.ready", "--host", name)
        done = deployed.deploy(deployed.base)
        assert done.returncode == 0, done.stdout + done.stderr
