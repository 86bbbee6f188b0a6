"""Where a dump is taken, and what it knows of its database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backups.commands.run import taking
from backups.dump import dumping
from backups.errors import SettingsError, SourceError
from backups.layout import Kind
from backups.run import back_up
from backups.settings import Source
from tests.backups.places import connection_to, conninfo_of, fill, settings_for
from tests.clusters import Pair, running_pair
from tests.s3 import KEEPER, Bucket, running_server


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as one:
        fill(conninfo_of(one.primary, "stillhere"))
        one.catch_up()
        yield one


def test_a_primary_leaves_it_to_its_standby(pair: Pair, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, Source(conninfo=conninfo_of(pair.primary, "stillhere")))
    assert back_up(settings, Kind.DUMP, lambda: taking(settings)) is None
    store = Bucket(running_server(), settings.store.bucket).store(KEEPER)
    assert list(store.listed("")) == []
    assert list(store.unfinished()) == []


def test_a_standby_is_dumped_with_its_place_in_the_log(pair: Pair, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, Source(conninfo=conninfo_of(pair.standby, "stillhere")))
    manifest = back_up(settings, Kind.DUMP, lambda: taking(settings))
    assert manifest is not None
    ((system,),) = pair.primary.ask("SELECT system_identifier::text FROM pg_control_system()")
    known = manifest.database
    assert (manifest.taken_from, known.system_identifier, known.timeline) == ("standby", system, 1)
    ((is_past,),) = pair.primary.ask("SELECT pg_current_wal_lsn() >= %s::pg_lsn", known.lsn)
    assert is_past
    assert manifest.counts["pings_ping"] == 1_000


def test_counts_are_of_the_dumps_own_snapshot(conninfo: str) -> None:
    """Rows that come while it runs are neither in the dump nor in its counts."""
    with dumping(Source(conninfo=conninfo)) as dump:
        stream = dump.stream()
        with connection_to(conninfo) as cursor:
            cursor.execute("INSERT INTO checks_check SELECT i, '' FROM generate_series(11, 20) i")
        while stream.read(2**16):
            pass
        assert dump.finish().counts["checks_check"] == 10


def test_named_tables_alone_are_counted(conninfo: str) -> None:
    with dumping(Source(conninfo=conninfo, tables=("public.checks_check",))) as dump:
        stream = dump.stream()
        while stream.read(2**16):
            pass
        assert dump.finish().counts == {"public.checks_check": 10}


def test_a_password_in_the_conninfo_is_refused() -> None:
    """pg_dump would have it in its arguments."""
    with (
        pytest.raises(SettingsError, match="passfile"),
        dumping(Source(conninfo="dbname=a password=canary")),
    ):
        pass


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match="cannot be read"),
        dumping(Source(conninfo=f"host={tmp_path} dbname=a")),
    ):
        pass
