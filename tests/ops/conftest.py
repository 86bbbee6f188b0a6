"""What tests of the operations kit may ask for."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.fleets import find_fleet
from ops.lab import faults, fleet, world
from ops.lab.drill.restore import STREAMING
from ops.lab.plan import HOSTS, Lab
from ops.release.building import Release, build
from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet
from tests.architecture.tree import ROOT
from tests.ops.deploy.stage import Stage
from tests.ops.labs import lab_of_a_test
from tests.ops.operator import fab, watched_processes
from tests.ops.rehearsal import Rehearsal
from tests.ops.release.scratch import Scratch

SECONDS = 480  # the first test that asks for a fleet waits until there is one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of bare hosts first, then those of a deployed fleet, failovers, restores.

    What `applied` makes of the hosts has a firewall, what `deployed` makes runs the product,
    after `both` another database host may be the primary, and after `wiped` both are new.
    """
    stages = ("wiped", "both", "deployed", "applied")

    def stage(item: pytest.Item) -> int:
        asked = getattr(item, "fixturenames", ())
        return next((4 - n for n, name in enumerate(stages) if name in asked), 0)

    items.sort(key=stage)
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Give a lab that is up, one for all tests of the run; with it goes the mark `lab`."""
    with lab_of_a_test() as lab:
        yield lab


@pytest.fixture
def troubled_lab(lab: Lab) -> Iterator[Lab]:
    """Give the same lab to a test that does harm to it; it is mended afterwards."""
    yield lab
    faults.clear(lab)
    fleet.up(lab, HOSTS, None, lambda _: None)


@pytest.fixture(scope="session")
def rehearsal(lab: Lab) -> Rehearsal:
    """Return the lab of this run, handled by names."""
    return Rehearsal(lab)


@pytest.fixture(scope="session")
def applied(rehearsal: Rehearsal) -> Fleet:
    """Return the lab's fleet after `fab apply` has made servers of bare hosts."""
    fleet = find_fleet(str(rehearsal.inventory))
    canary = read_vault(vault_of(fleet.path))["canary"].reveal()
    with watched_processes(canary) as seen:
        first = fab("apply", "--fleet", str(fleet.path), "--yes")
        assert first.returncode == 0, first.stdout + first.stderr
    assert seen == []
    assert canary not in first.stdout + first.stderr
    return fleet


@pytest.fixture(scope="session")
def issued(applied: Fleet) -> Fleet:
    """Return the lab's fleet after its first certificates."""
    done = fab("certs.issue", "--fleet", str(applied.path))
    assert done.returncode == 0, done.stdout + done.stderr
    return find_fleet(str(applied.path))


@pytest.fixture(scope="session")
def roots(issued: Fleet, rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file with the authority of those certificates, for clients to trust."""
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    ask = ["curl", "-sSk", f"https://localhost:{world.ROOTS_PORT}/roots/0"]
    path.write_text(rehearsal.run("world", ask))
    return path


@pytest.fixture(scope="session")
def kept() -> Mapping[str, str]:
    """Return the environment of a build; what it has built stays in build/ for the next run."""
    return {"STILLHERE_RELEASES": str(ROOT / "build" / "releases")}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, kept: Mapping[str, str]) -> Release:
    """Return the release of this checkout for both Pythons, built once a run."""
    return build(root=Scratch(tmp_path_factory.mktemp("scratch")).root, environment=kept)


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def backed_up(deployed: Stage) -> dict[str, Any]:
    """Return the manifest of a backup that the standby took, and that has come back."""
    product = deployed.product
    until = time.monotonic() + 90
    while product.psql(product.primary(), STREAMING) == "0":
        assert time.monotonic() < until, "the standby does not stream"
        time.sleep(0.3)
    taken = deployed.fab("backup.now", "--json")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    drilled = deployed.fab("backup.drill", "--json")
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    manifest: dict[str, Any] = json.loads(taken.stdout)
    assert json.loads(drilled.stdout)["id"] == manifest["id"]
    return manifest
