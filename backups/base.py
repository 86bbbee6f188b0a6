"""Take a base backup: all files of the cluster, and the WAL that makes them one state.

pg_basebackup writes one tar to stdout, with PostgreSQL's own manifest of the files in it;
nothing of it touches this host's disk. What a standby gives, the primary need not.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from backups.dump import PINGS, ask, asking, connected, facts
from backups.errors import SettingsError, SourceError
from backups.manifest import WalRange
from backups.settings import Source
from backups.taking import Content, Facts, Output
from backups.wal_files import SEGMENT_BYTES, segment_name

_CLUSTER = """
SELECT (SELECT sum(pg_database_size(oid))::bigint FROM pg_database),
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'),
       to_regclass('public.pings_ping') IS NOT NULL
"""
# On stderr, in whatever language: where its WAL begins, on which timeline, and where it ends.
_PLACE = re.compile(r"\b([0-9A-F]+/[0-9A-F]+)\b(?:\D+([0-9]+)\s*$)?", re.MULTILINE)


class Base:
    """A base backup under way."""

    is_compressed = False

    def __init__(self, source: Source, known: Facts, newest_ping_at: datetime | None) -> None:
        self.facts = known
        self._source = source
        self._newest_ping_at = newest_ping_at
        self._output: Output | None = None

    def stream(self) -> Output:
        """Start pg_basebackup."""
        self._output = Output([
            "pg_basebackup", "--pgdata=-", "--format=tar", "--wal-method=fetch",
            "--checkpoint=fast", "--manifest-checksums=SHA256", "--no-password", "--verbose",
            f"--dbname={self._source.conninfo}",
        ])  # fmt: skip
        return self._output

    def finish(self) -> Content:
        """Return which WAL is in it, when pg_basebackup is content.

        No rows are counted: the state that it is replayed to is a later one. The newest ping
        is that of the beginning; a restore has at least that.
        """
        assert self._output is not None
        self._output.finish()
        return Content({}, self._newest_ping_at, wal_range(self._output.words()))

    def close(self) -> None:
        """End pg_basebackup."""
        if self._output is not None:
            self._output.close()


@contextlib.contextmanager
def copying_cluster(source: Source) -> Iterator[Base]:
    """Connect, and return a base that can be streamed. SourceError says what is in the way."""
    if source.kind != "postgresql":
        raise SettingsError("source.kind is sqlite: base backups are of PostgreSQL alone.")
    with connected(source.conninfo) as connection, asking():
        known = facts(connection)
        ((size, segment, has_pings),) = ask(connection, _CLUSTER)
        newest = None
        if has_pings:
            ((newest,),) = ask(connection, f"SELECT max(received_at) FROM public.{PINGS}")  # noqa: S608
    if segment != SEGMENT_BYTES:
        raise SourceError(
            f"This cluster's WAL files have {segment} bytes. Base backups are made of clusters "
            f"with {SEGMENT_BYTES}, as initdb makes them unless told."
        )
    versions = replace(known.versions, dump=Output.version(["pg_basebackup", "--version"]))
    database = replace(known.database, bytes=size)
    base = Base(
        source,
        replace(known, versions=versions, database=database),
        newest and newest.astimezone(UTC),
    )
    try:
        yield base
    finally:
        base.close()


def wal_range(said: str) -> WalRange:
    """Return the first and the last WAL file of a base, out of what pg_basebackup said.

    The end is the first byte that it does not need, which may be that of the next file.
    """
    places = _PLACE.findall(said)
    if len(places) < 2 or not places[0][1]:
        raise SourceError("pg_basebackup does not say which WAL its copy needs.")
    timeline = int(places[0][1])
    first, last = _position(places[0][0]), _position(places[-1][0]) - 1
    return WalRange(*(segment_name(timeline, at // SEGMENT_BYTES) for at in (first, last)))


def _position(lsn: str) -> int:
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)
