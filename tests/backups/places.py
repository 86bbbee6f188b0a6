"""What a test of backups stands on: settings of a real bucket, real keys, a real database."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg2

from backups.settings import Settings, Source, StoreSettings
from tests.backups.keys import key_pair
from tests.postgresql import Cluster
from tests.s3 import WRITER, Bucket, running_server


def settings_for(
    scratch: Path, source: Source, bucket: Bucket | None = None, identity: str = WRITER
) -> Settings:
    """Return settings of a new bucket (or that one), for two recipients."""
    bucket = bucket or running_server().new_bucket()
    recipients = (key_pair("ada").public, key_pair("drill").public)
    return Settings(
        bucket.settings(identity), recipients=recipients, scratch=scratch, source=source
    )


def conninfo_of(cluster: Cluster, database: str) -> str:
    """Return the conninfo of a database of a test's cluster."""
    return f"host={cluster.directory} user=stillhere dbname={database}"


@contextlib.contextmanager
def connection_to(conninfo: str) -> Iterator[psycopg2.extensions.cursor]:
    """Return a cursor outside any transaction."""
    with contextlib.closing(psycopg2.connect(conninfo)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def fill(conninfo: str, rows: int = 1_000) -> None:
    """Make two tables; one of them looks like that of the pings."""
    with connection_to(conninfo) as cursor:
        cursor.execute("CREATE TABLE checks_check (id int PRIMARY KEY, name text)")
        cursor.execute("CREATE TABLE pings_ping (n int, received_at timestamptz, body text)")
        cursor.execute(
            "INSERT INTO checks_check SELECT i, 'check ' || i FROM generate_series(1, 10) i"
        )
        cursor.execute(
            "INSERT INTO pings_ping SELECT i, '2026-11-22 01:00:00+00'::timestamptz + i * interval "
            "'1 s', md5(i::text) FROM generate_series(1, %s) i",
            [rows],
        )


def fill_widely(conninfo: str) -> None:
    """Add rows that hardly compress: a dump of more than 5 MiB."""
    with connection_to(conninfo) as cursor:
        cursor.execute("CREATE TABLE wide (body text)")
        cursor.execute(
            "INSERT INTO wide SELECT string_agg(md5(random()::text), '') "
            "FROM generate_series(1, 360000) i GROUP BY i / 100"
        )


def write_settings(
    path: Path, store: StoreSettings, recipients: Iterable[Path], scratch: Path, conninfo: str
) -> Path:
    """Write a settings' file as a host has it, for a program that is started."""
    path.write_text(
        f"recipients = {[str(one) for one in recipients]}\n"
        f"scratch = '{scratch}'\n"
        "[store]\n"
        f"endpoint = '{store.endpoint}'\n"
        f"bucket = '{store.bucket}'\n"
        f"credentials = '{store.credentials}'\n"
        "[source]\n"
        f"conninfo = '{conninfo}'\n"
    )
    return path
