"""What an observer says of a bucket, to be changed by tests of pure rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ops.backups.listed import Listed, listed

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def one(hours_ago: float, *, verified: bool = True, **changed: Any) -> dict[str, Any]:
    """Return a dump that was begun so long before NOW, as `list --json` tells it."""
    begun = NOW - timedelta(hours=hours_ago)
    whole = {
        "id": f"{begun:%Y%m%dT%H%M%SZ}-1a2b3c",
        "kind": "dump",
        "engine": "postgresql",
        "host": "db2",
        "started_at": begun.isoformat().replace("+00:00", "Z"),
        "bytes": 3 << 20,
        "plain_bytes": 4 << 20,
        "verified_at": (begun + timedelta(hours=1)).isoformat() if verified else None,
        "trouble": "",
    }
    return whole | changed


def answer(*backups: dict[str, Any], unfinished_uploads: int = 0) -> dict[str, Any]:
    """Return all that the program says."""
    return {
        "backups": list(backups),
        "newest_verified": None,
        "unfinished_uploads": unfinished_uploads,
        "asked_at": NOW.timestamp(),
    }


def bucket(*backups: dict[str, Any], unfinished_uploads: int = 0) -> Listed:
    """Return the same, understood."""
    return listed(answer(*backups, unfinished_uploads=unfinished_uploads), NOW.timestamp())
