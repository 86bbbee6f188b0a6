"""What a restored database has to have, by its manifest. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.errors import DamagedBackup
from backups.manifest import Manifest

MOST_AGE = timedelta(hours=26)  # a backup a day, and two hours to make it
MOST_SKEW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Found:
    """What a restored database has: rows of tables, None for one that is not there."""

    counts: Mapping[str, int | None]
    newest_ping_at: datetime | None


def demand(manifest: Manifest, found: Found) -> None:
    """Raise DamagedBackup unless every table has the rows that were dumped, the last ping too."""
    words = differences(manifest.counts, found.counts)
    if not words and (trouble := ping_trouble(manifest, found.newest_ping_at)):
        words = [trouble]
    if words:
        raise DamagedBackup(f"{manifest.id} does not have what was dumped: {'; '.join(words)}.")


def differences(expected: Mapping[str, int], found: Mapping[str, int | None]) -> list[str]:
    """Return in words what is not as expected. No rows at all are no backup of anything."""
    if not sum(expected.values()):
        return ["its manifest counts no rows at all"]
    return [
        f"{table} is not there"
        if found.get(table) is None
        else f"{table} has {found[table]} rows of {rows}"
        for table, rows in expected.items()
        if found.get(table) != rows
    ]


def age_trouble(manifest: Manifest, now: datetime) -> str:
    """Return in words why it is no backup of today; empty when it is one.

    At exactly 26 h it still is.
    """
    if manifest.started_at > now + MOST_SKEW:
        return f"{manifest.id} was started in the future: which clock is wrong?"
    age = now - manifest.started_at
    if age > MOST_AGE:
        return f"{manifest.id} is {_hours(age)} old; {_hours(MOST_AGE)} are allowed"
    return ""


def ping_trouble(manifest: Manifest, newest: datetime | None) -> str:
    """Return in words why its pings are older than they have to be; empty when they are not."""
    expected = manifest.newest_ping_at
    if expected is None:
        return ""
    if newest is None or newest < expected:
        return f"the newest ping is of {newest or 'never'}, and the manifest says {expected}"
    return ""


def replay_trouble(manifest: Manifest) -> str:
    """Return in words why the standby that was dumped was an old one; empty when it was not.

    One that replays nothing any more gives whole dumps of an old day. Timers of a fleet
    ping it every minute, so there is always a new ping.
    """
    newest = manifest.newest_ping_at
    if newest is None or manifest.taken_from != "standby":
        return ""
    silent = manifest.started_at - newest
    if silent <= MOST_AGE:
        return ""
    return f"its newest ping was {_hours(silent)} old when it was dumped: did the standby replay?"


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:.1f} h"
