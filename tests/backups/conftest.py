"""What tests of backups ask for."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from backups.settings import Settings, Source
from tests.backups.places import connection_to, conninfo_of, fill, settings_for
from tests.postgresql import Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Run a cluster for dumps, without a standby."""
    with running_cluster(is_durable=False) as one:
        yield one


@pytest.fixture
def conninfo(cluster: Cluster) -> Iterator[str]:
    """Return the conninfo of a filled database of the test's own."""
    name = f"test_{secrets.token_hex(4)}"
    with connection_to(conninfo_of(cluster, "postgres")) as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    fill(conninfo_of(cluster, name))
    yield conninfo_of(cluster, name)
    with connection_to(conninfo_of(cluster, "postgres")) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(tmp_path: Path, conninfo: str) -> Settings:
    """Return settings of a database and a bucket of the test's own."""
    return settings_for(tmp_path / "scratch", Source(conninfo=conninfo))
