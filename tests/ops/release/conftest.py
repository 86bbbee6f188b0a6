"""Repositories that releases are made of."""

from pathlib import Path

import pytest

from tests.ops.release.scratch import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """Give a repository of its own to a test."""
    root = tmp_path / "scratch"
    root.mkdir()
    return Scratch(root)
