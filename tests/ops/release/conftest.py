"""Releases that tests build. What the package index gave stays in build/ for the next run."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.release.building import Release, build
from tests.architecture.tree import ROOT
from tests.ops.release.scratch import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """Give a repository of its own to a test."""
    root = tmp_path / "scratch"
    root.mkdir()
    return Scratch(root)


@pytest.fixture(scope="session")
def kept() -> Mapping[str, str]:
    """Return the environment of a build that keeps what it has built for the next run."""
    return {"STILLHERE_RELEASES": str(ROOT / "build" / "releases")}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, kept: Mapping[str, str]) -> Release:
    """Return the release of this checkout for both Pythons, built once a run."""
    return build(root=Scratch(tmp_path_factory.mktemp("scratch")).root, environment=kept)
