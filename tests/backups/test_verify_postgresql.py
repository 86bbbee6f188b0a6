"""The drill of a PostgreSQL dump, in a throw-away cluster. Its rules: test_verify.py."""

import dataclasses
import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups import cluster as throw_away
from backups.application import database_url
from backups.commands.verify import drilled
from backups.layout import Kind, verified_key
from backups.manifest import Versions
from backups.settings import Source
from backups.verify import Verdict
from tests.backups.drilled import (
    PINGED_AT,
    PINGS,
    Place,
    ask,
    make_tables,
    pings,
    scratch_folder,
)
from tests.backups.keyrings import Key, made_key
from tests.backups.places import conninfo_of
from tests.postgresql import PORT, Cluster
from tests.s3 import KEEPER, running_server


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    with made_key("drill") as one:
        yield one


@pytest.fixture
def place(key: Key) -> Iterator[Place]:
    with scratch_folder() as scratch:
        yield Place(running_server().new_bucket(), key, scratch)


def _verdict(place: Place, source: Source) -> Verdict:
    verdict = drilled(place.settings(source), None, datetime.now(UTC), at_any_age=False)
    assert list(place.scratch.glob("drill-*")) == []
    assert _servers(place.scratch) == []
    return verdict


def _servers(folder: Path) -> list[str]:
    said = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if "postgres" in line and str(folder) in line]


def test_rows_that_did_not_come_back_make_the_drill_red(place: Place, conninfo: str) -> None:
    source = Source(conninfo=conninfo)
    manifest = place.back_up(source)
    place.tamper(manifest, counts=dict(manifest.counts) | {"pings_ping": 1_001, "lost": 1})
    verdict = _verdict(place, source)
    assert not verdict.verified
    assert "lost is not there; pings_ping has 1000 rows of 1001" in verdict.trouble
    assert verdict.counts_restored == {"checks_check": 10, "pings_ping": 1000, "lost": None}
    record = verified_key(Kind.DUMP, manifest.id)
    assert list(place.bucket.store(KEEPER).listed(record)) == []


def test_a_dump_of_a_later_postgresql_than_ours_is_red(place: Place, conninfo: str) -> None:
    source = Source(conninfo=conninfo)
    manifest = place.back_up(source)
    place.tamper(manifest, versions=Versions("99.1", "pg_dump (PostgreSQL) 99.1"))
    assert "PostgreSQL 99 is not installed" in _verdict(place, source).trouble


@pytest.mark.long
def test_a_fleets_database_comes_back_and_serves_a_page(
    place: Place, cluster: Cluster, tmp_path: Path
) -> None:
    name = f"fleet_{secrets.token_hex(3)}"
    source = Source(conninfo=conninfo_of(cluster, name))
    ask(conninfo_of(cluster, "postgres"), f"CREATE DATABASE {name}")
    make_tables(tmp_path, database_url(cluster.directory, PORT, "stillhere", name))
    statement, rows = pings("%s")
    for row in rows:
        ask(source.conninfo, statement, *row)
    manifest = place.back_up(source)
    verdict = _verdict(place, source)
    assert verdict.trouble == ""
    assert verdict.counts_restored == manifest.counts
    assert verdict.counts_restored["pings_ping"] == PINGS
    assert verdict.newest_ping_at == PINGED_AT.isoformat()
    assert verdict.page.startswith("/projects/")

    # A backup of a release before ours: what it lacks, a deploy would migrate.
    ask(source.conninfo, "DELETE FROM django_migrations WHERE app = 'sessions'")
    ask(source.conninfo, "DROP TABLE django_session")
    place.back_up(source)
    assert _verdict(place, source).trouble == ""
    ask(conninfo_of(cluster, "postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def test_a_server_that_a_drill_has_left_is_ended_with_its_files(place: Place) -> None:
    folder = place.scratch / "drill-left" / "cluster"
    folder.mkdir(parents=True)
    server = throw_away.ThrowAway(folder, throw_away.programs(None, 15))
    server.own(folder.parent)
    server.create()
    server.start()
    assert _servers(place.scratch)
    throw_away.clear_away(place.scratch, "drill-*")
    assert server.process is not None
    assert server.process.wait(60) is not None
    assert list(place.scratch.iterdir()) == []


def test_the_drill_uses_the_programs_that_are_named(place: Place, conninfo: str) -> None:
    settings = place.settings(Source(conninfo=conninfo))
    place.back_up(settings.source)
    drill = dataclasses.replace(settings.drill, postgresql_bin=place.scratch)
    elsewhere = dataclasses.replace(settings, drill=drill)
    verdict = drilled(elsewhere, None, datetime.now(UTC), at_any_age=False)
    assert f"There is no PostgreSQL in {place.scratch}" in verdict.trouble
