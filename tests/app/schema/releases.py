"""Two releases of the product, side by side: the tests of the old one on the tables of the new."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg2

from tests.architecture.tree import ROOT, files
from tests.postgresql import Cluster

WORKERS = ("gw0", "gw1", "alone")
_SIDE_BY_SIDE = ("-n", "2", "--dist", "worksteal")
MIGRATIONS = ":(glob)app/*/migrations/*.py"
# Tests that start processes or browsers make databases of their own or take their time; those
# of migrations move the very tables.
ASKED = (
    *("-m", "not long and not processes and not browser"),
    *("--only-database", "--ignore=tests/app/schema"),
)
RUN_SECONDS = 1_500


def release_before(root: Path = ROOT) -> str:
    """Return the newest commit that has other migrations than the checkout; "" for none."""
    if _git(root, "status", "--porcelain", "--", MIGRATIONS):
        return _git(root, "rev-parse", "HEAD")
    newest = _git(root, "log", "--first-parent", "-1", "--format=%H", "--", MIGRATIONS)
    return _git(root, "rev-parse", "--verify", "--quiet", f"{newest}^1") if newest else ""


def tree_of(commit: str, folder: Path, root: Path = ROOT) -> Path:
    """Write the files of a commit into a new folder."""
    folder.mkdir()
    archive = folder.with_suffix(".tar")
    subprocess.run(["git", "archive", f"--output={archive}", commit], cwd=root, check=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)
    return folder


def tree_here(folder: Path) -> Path:
    """Copy the checkout as it stands, committed or not, into a new folder."""
    for path in files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    return folder


def make_tables(tree: Path, cluster: Cluster) -> None:
    """Give every worker a database with the tables of a tree."""
    done = _run([sys.executable, "manage.py", "migrate", "--verbosity=0"], tree, cluster)
    assert done.returncode == 0, done.stdout
    with closing(psycopg2.connect(cluster.url.replace("@/stillhere?", "@/postgres?"))) as line:
        line.autocommit = True
        for worker in WORKERS:
            line.cursor().execute(f"CREATE DATABASE test_stillhere_{worker} TEMPLATE stillhere")


def fails_there(tree: Path, cluster: Cluster, *what: str) -> str:
    """Run a tree's tests of the database on the tables that are there; return what fails.

    What fails is tried again alone, since a busy machine has less patience than some tests
    want; and then on the tree's own tables, since what fails there as well is its own fault.
    """
    failed, _ = _run_tests(tree, cluster, "--reuse-db", *_SIDE_BY_SIDE, *what)
    if failed:
        failed, said = _run_tests(tree, cluster, "--reuse-db", *failed)
    if failed:
        its_own, _ = _run_tests(tree, cluster, "--create-db", *failed)
        if failed - its_own:
            return f"{sorted(failed - its_own)}:\n{said[-8_000:]}"
    return ""


def _run_tests(tree: Path, cluster: Cluster, *words: str) -> tuple[frozenset[str], str]:
    """Return the ids of those that fail, and all that was said."""
    plugins, last = tree / "plugins", tree / ".pytest_cache/v/cache/lastfailed"
    plugins.mkdir(exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("newer_tables.py"), plugins / "newer_tables.py")
    last.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "newer_tables", *ASKED, *words]
    done = _run(command, tree, cluster, PYTHONPATH=str(plugins), PYTHONHASHSEED="1")
    assert done.returncode in (0, 1), done.stdout[-8_000:]
    failed = frozenset(json.loads(last.read_text("utf-8"))) if done.returncode else frozenset()
    assert bool(failed) == bool(done.returncode), done.stdout[-8_000:]
    return failed, done.stdout


def _git(root: Path, *words: str) -> str:
    """Return what git says; "" when it fails, as without history."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(
    command: Sequence[str], tree: Path, cluster: Cluster, **environment: str
) -> subprocess.CompletedProcess[str]:
    # What the run that we are in has set is not that one's.
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    own |= {"DATABASE_URL": cluster.url, "STILLHERE_DATA_DIR": str(tree / "var")}
    return subprocess.run(
        command, cwd=tree, env=own | environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip
