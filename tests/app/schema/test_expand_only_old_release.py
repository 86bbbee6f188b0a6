"""While a release goes out the one before it works on the same tables: its own tests do, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.schema.releases import (
    fails_there,
    make_tables,
    release_before,
    tree_here,
    tree_of,
)
from tests.postgresql import Cluster, running_cluster

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]

# What expand-only forbids: the release before inserts without it.
CONTRACTION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checks", "{last}")]
    operations = [
        migrations.AddField("check", "colour", models.TextField()),
    ]
"""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster(is_durable=False) as cluster:
        yield cluster


def test_the_release_before_works_on_the_new_tables(tmp_path: Path, cluster: Cluster) -> None:
    commit = release_before()
    if not commit:
        pytest.skip("there is no commit here with other migrations: no history, or a shallow one")
    make_tables(tree_here(tmp_path / "new"), cluster)
    assert fails_there(tree_of(commit, tmp_path / "old"), cluster, "tests/app") == ""


def test_a_migration_that_takes_something_away_is_found(tmp_path: Path, cluster: Cluster) -> None:
    new, old = tree_here(tmp_path / "new"), tree_here(tmp_path / "old")
    folder = new / "app/checks/migrations"
    last = max(path.stem for path in folder.glob("0*.py"))
    (folder / "9999_contraction.py").write_text(CONTRACTION.format(last=last))
    make_tables(new, cluster)
    found = fails_there(old, cluster, "tests/app/checks/test_overdue.py")
    assert 'null value in column "colour"' in found
