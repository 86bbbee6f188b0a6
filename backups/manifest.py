"""What a backup is: its manifest, written last. No manifest, no backup.

Times are aware and UTC, sizes are bytes, digests are SHA-256 in hex, keys are below
the store's prefix. `wal` is of bases alone: the first and the last WAL file that its
restore needs. `seconds` says how long each part took.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backups.errors import ManifestError
from backups.layout import ID, Kind

FORMAT = 1
MOST_BYTES = 2**20  # of a manifest
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The encrypted backup, as it lies in the bucket."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Plain:
    """What was encrypted."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Versions:
    """Of the database server, and of the program that read it."""

    server: str
    dump: str


@dataclass(frozen=True, slots=True)
class Database:
    """What was backed up. SQLite has neither identifier nor timeline nor LSN."""

    name: str
    bytes: int
    system_identifier: str = ""
    timeline: int = 0
    lsn: str = ""


@dataclass(frozen=True, slots=True)
class WalRange:
    """The first and the last WAL file without which a base is of no use."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a restore, a drill and the retention have to know of a backup."""

    id: str
    kind: Kind
    engine: str  # postgresql or sqlite
    host: str
    release: str
    started_at: datetime
    finished_at: datetime
    object: StoredObject
    plain: Plain
    recipients: tuple[str, ...]  # fingerprints
    versions: Versions
    database: Database
    taken_from: str  # standby, primary or file
    counts: Mapping[str, int] = field(default_factory=dict)
    newest_ping_at: datetime | None = None
    wal: WalRange | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the manifest as it is stored."""
        values = {"format": FORMAT} | dataclasses.asdict(self)
        for name in ("started_at", "finished_at", "newest_ping_at"):
            values[name] = _said(values[name])
        values["seconds"] = {part: round(spent, 3) for part, spent in self.seconds.items()}
        return json.dumps(values, indent=1, sort_keys=True).encode() + b"\n"


def parse_manifest(raw: bytes) -> Manifest:
    """Return what the bytes say; ManifestError when they are no manifest of ours."""
    try:
        values = json.loads(raw)
        version = values.pop("format")
    except (ValueError, AttributeError, KeyError, TypeError):
        raise ManifestError("This is no manifest.") from None
    if version != FORMAT:
        raise ManifestError(f"This manifest has format {version!r}; this release reads {FORMAT}.")
    try:
        return _checked(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"This manifest is wrong: {error}.") from None


def _checked(values: Any) -> Manifest:
    manifest = Manifest(
        id=_matching(ID, values["id"]),
        kind=Kind(values["kind"]),
        engine=_matching(re.compile("postgresql|sqlite"), values["engine"]),
        host=str(values["host"]),
        release=str(values["release"]),
        started_at=_time(values["started_at"]),
        finished_at=_time(values["finished_at"]),
        object=StoredObject(**values["object"]),
        plain=Plain(**values["plain"]),
        recipients=tuple(str(one) for one in values["recipients"]),
        versions=Versions(**values["versions"]),
        database=Database(**values["database"]),
        taken_from=str(values["taken_from"]),
        counts={str(table): _whole(rows) for table, rows in values["counts"].items()},
        newest_ping_at=values["newest_ping_at"] and _time(values["newest_ping_at"]),
        wal=values["wal"] and WalRange(**values["wal"]),
        seconds={str(part): float(spent) for part, spent in values["seconds"].items()},
    )
    for one in (manifest.object, manifest.plain):
        _whole(one.bytes)
        _matching(_SHA256, one.sha256)
    _whole(manifest.database.bytes)
    return manifest


def _said(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time else None


def _time(said: str) -> datetime:
    time = datetime.fromisoformat(said)
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {said}")
    return time.astimezone(UTC)


def _whole(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"no number of rows or bytes: {number!r}")
    return number


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not {pattern.pattern}")
    return value
