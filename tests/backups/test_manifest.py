"""The manifest: it comes back as it was, and nothing else is taken for one."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.errors import ManifestError
from backups.layout import ID, Kind, new_id, object_key, started_at
from backups.manifest import (
    Database,
    Manifest,
    Plain,
    StoredObject,
    Versions,
    WalRange,
    parse_manifest,
)

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
times = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
sizes = st.integers(0, 2**60)
words = st.text(max_size=20)


def manifest(**others: Any) -> Manifest:
    one = Manifest(
        id="20261122T013000Z-1a2b3c",
        kind=Kind.DUMP,
        engine="postgresql",
        host="db2",
        release="",
        started_at=NOW,
        finished_at=NOW,
        object=StoredObject("dumps/20261122T013000Z-1a2b3c/dump.gpg", 1, "a" * 64),
        plain=Plain(2, "b" * 64),
        recipients=("F1", "F2"),
        versions=Versions("15.1", "pg_dump 15.1"),
        database=Database("stillhere", 3),
        taken_from="standby",
    )
    return dataclasses.replace(one, **others)


@given(
    started=times,
    newest=st.none() | times,
    counts=st.dictionaries(words, sizes, max_size=3),
    wal=st.none() | st.builds(WalRange, words, words),
    size=sizes,
    name=words,
)
def test_what_is_written_is_read(
    started: datetime,
    newest: datetime | None,
    counts: dict[str, int],
    wal: WalRange | None,
    size: int,
    name: str,
) -> None:
    one = manifest(
        started_at=started,
        newest_ping_at=newest,
        counts=counts,
        wal=wal,
        database=Database(name, size, "7", 2, "0/1"),
        seconds={"stream": 1.25},
    )
    assert parse_manifest(one.to_json()) == one


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("id",), "../../etc"),
        (("kind",), "diff"),
        (("engine",), "mysql"),
        (("started_at",), "2026-11-22T01:30:00"),
        (("started_at",), "yesterday"),
        (("object", "bytes"), -1),
        (("object", "bytes"), "1"),
        (("object", "sha256"), "zz"),
        (("plain", "sha256"), None),
        (("counts",), {"a": 1.5}),
        (("counts",), None),
        (("wal",), {"first": "a"}),
    ],
)
def test_what_is_wrong_is_no_manifest(path: tuple[str, ...], value: object) -> None:
    raw = json.loads(manifest().to_json())
    place = raw
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(ManifestError):
        parse_manifest(json.dumps(raw).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b"\xff", b'{"format": 1}'])
def test_other_bytes_are_no_manifest(raw: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(raw)


@given(times)
def test_an_id_has_the_second_of_its_start(now: datetime) -> None:
    one = new_id(now)
    assert ID.fullmatch(one)
    assert started_at(one) == now.astimezone(UTC).replace(microsecond=0)
    assert object_key(Kind.BASE, one) == f"bases/{one}/base.gpg"
