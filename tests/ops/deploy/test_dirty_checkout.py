"""What is not committed goes nowhere: fab says so before it asks any host."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files
from tests.ops.inventories import inventory

NOBODY = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "PATH": "/usr/bin:/bin",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout of an operator's own, all of it committed."""
    root = tmp_path_factory.mktemp("checkout")
    for path in files():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, root / path)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=one")
    return root


def test_a_dirty_checkout_is_refused_with_what_is_dirty(checkout: Path, tmp_path: Path) -> None:
    fleet = tmp_path / "inventory.toml"
    fleet.write_text(inventory())
    (checkout / "app/wsgi.py").write_text("# not committed\n")
    (checkout / "app/new.py").write_text("")
    command = [str(Path(sys.executable).parent / "fab"), "deploy", "--fleet", str(fleet), "--yes"]
    done = subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "committed, and a release is a commit" in done.stderr
    assert " M app/wsgi.py" in done.stderr
    assert "?? app/new.py" in done.stderr
    assert done.stderr.count("\n") == 4, done.stderr  # that, and nothing of any host


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, env=NOBODY, check=True, timeout=60)
