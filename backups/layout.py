"""Where everything lies in the bucket. All keys are below the store's prefix.

dumps/ID/dump.gpg, bases/ID/base.gpg            what was encrypted
dumps/ID/manifest.json, bases/ID/manifest.json  written last: without it there is no backup
verified/dumps/ID.json, verified/bases/ID.json  the record of a drill
wal/...                                         the log, file by file
"""

import re
import secrets
from datetime import UTC, datetime
from enum import StrEnum

ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
WAL = "wal/"


class Kind(StrEnum):
    """What a backup is: a dump of one database, or a copy of a whole cluster's files."""

    DUMP = "dump"
    BASE = "base"

    @property
    def folder(self) -> str:
        """Return the folder of all of this kind, with a slash."""
        return f"{self}s/"


def new_id(now: datetime) -> str:
    """Return an id that nobody else has: the UTC second of the start, and chance."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def started_at(backup_id: str) -> datetime:
    """Return the time in an id, aware and UTC. ValueError when it is no id."""
    if not ID.fullmatch(backup_id):
        raise ValueError(backup_id)
    return datetime.strptime(backup_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def object_key(kind: Kind, backup_id: str) -> str:
    """Return where the encrypted backup lies."""
    return f"{kind.folder}{backup_id}/{kind}.gpg"


def manifest_key(kind: Kind, backup_id: str) -> str:
    """Return where its manifest lies."""
    return f"{kind.folder}{backup_id}/manifest.json"


def verified_key(kind: Kind, backup_id: str) -> str:
    """Return where the drill's record of it lies."""
    return f"verified/{kind.folder}{backup_id}.json"
