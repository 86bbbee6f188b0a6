"""What the bucket has, as `python -m backups list --json` tells it: values, and a judgement. Pure.

A backup is as old as its beginning: what came later is not in it. So is one that came back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.databases.judging import sized

MOST_AGE = timedelta(hours=26)  # a day, and two hours to take it and to restore it
_TITLE = ("BACKUP", "KIND", "FROM", "BEGUN", "SIZE", "PLAIN", "CAME BACK")


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup. `trouble` is why it is of no use, as far as the bucket shows that.

    `verified_at`: when a drill has restored it. All times are aware and UTC. Of one whose
    manifest is missing nothing more is known than its name and beginning: "" and 0.
    """

    id: str
    kind: str
    engine: str
    host: str
    started_at: datetime
    size_bytes: int
    plain_bytes: int
    verified_at: datetime | None
    trouble: str

    @property
    def is_verified(self) -> bool:
        """Tell whether a drill has restored it, and nothing is wrong with it since."""
        return self.verified_at is not None and not self.trouble


@dataclass(frozen=True, slots=True)
class Listed:
    """All backups, and when that was asked, by the clock of the host that was."""

    backups: tuple[Backup, ...]
    unfinished_uploads: int
    asked_at: datetime

    @property
    def newest_verified(self) -> Backup | None:
        """Return the youngest dump that a drill has restored; None when there is none.

        Bases do not count: the one of Sunday would hide a dump that does not come back.
        """
        some = [one for one in self.backups if one.is_verified and one.kind == "dump"]
        return max(some, key=lambda one: one.started_at, default=None)

    def age(self, one: Backup) -> timedelta:
        """Return how long ago a backup was begun."""
        return self.asked_at - one.started_at


# None: the fleet has no [backups]. A text: why nobody knows.
Known = Listed | str | None


def listed(answer: Mapping[str, Any], asked_at: float) -> Listed:
    """Return what the program has said. ValueError or KeyError when that is not understood."""
    found = [_backup(one) for one in answer["backups"]]
    found.sort(key=lambda one: (one.started_at, one.id))
    uploads = int(answer["unfinished_uploads"])
    return Listed(tuple(found), uploads, datetime.fromtimestamp(asked_at, UTC))


def _backup(one: Mapping[str, Any]) -> Backup:
    verified_at = one["verified_at"]
    return Backup(
        str(one["id"]),
        str(one["kind"]),
        str(one["engine"] or ""),
        str(one["host"] or ""),
        _time(one["started_at"]),
        int(one["bytes"] or 0),
        int(one["plain_bytes"] or 0),
        _time(verified_at) if verified_at else None,
        str(one["trouble"]),
    )


def _time(text: str) -> datetime:
    """Return an aware time; ValueError for one without a zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found.astimezone(UTC)


def why_not_recent(known: Known) -> str:
    """Return why there is no verified backup of the last 26 hours; "" when there is one."""
    if known is None:
        return "no verified backup is known: the inventory has no [backups]."
    if isinstance(known, str):
        return f"whether a backup comes back is not known: {known}"
    newest, hours = known.newest_verified, f"{MOST_AGE / timedelta(hours=1):.0f}"
    if newest is None:
        words = "none has come back yet" if known.backups else "there is none"
        return f"no verified backup: {words}. fab backup.now, then fab backup.drill."
    if known.age(newest) > MOST_AGE:
        return (
            f"no verified backup of the last {hours} hours: {in_words(known, newest)}. "
            "fab backup.list says more."
        )
    return ""


def in_words(known: Listed, one: Backup) -> str:
    """Return "20261122T013000Z-1a2b3c, a dump of 5.0 hours ago"."""
    return f"{one.id}, a {one.kind} of {ago(known.age(one))}"


def newest_in_words(known: Known) -> str:
    """Return which verified backup is the newest one, in a line of a status."""
    if known is None or isinstance(known, str) or known.newest_verified is None:
        return "none is known"
    return in_words(known, known.newest_verified)


def newest_as_json(known: Known) -> dict[str, Any] | None:
    """Return the newest verified one for programs: times in ISO 8601, UTC."""
    if known is None or isinstance(known, str) or (newest := known.newest_verified) is None:
        return None
    assert newest.verified_at
    return {
        "id": newest.id,
        "kind": newest.kind,
        "started_at": newest.started_at.isoformat(),
        "verified_at": newest.verified_at.isoformat(),
        "age_seconds": int(known.age(newest).total_seconds()),
    }


def ago(age: timedelta) -> str:
    """Return an age as a person says it: in minutes, hours or days."""
    hours = age / timedelta(hours=1)
    if hours < 1.5:
        return f"{60 * hours:.0f} minutes ago"
    return f"{hours:.1f} hours ago" if hours < 48 else f"{hours / 24:.1f} days ago"


def table(found: Sequence[Backup]) -> list[tuple[str, ...]]:
    """Return a title, and a row a backup."""
    return [_TITLE, *map(_row, found)]


def troubles(known: Listed) -> list[str]:
    """Return a line for each backup that is of no use, and for there being no recent one."""
    found = [f"{one.id}: {one.trouble}" for one in known.backups if one.trouble]
    return found + list(filter(None, [why_not_recent(known)]))


def _row(one: Backup) -> tuple[str, ...]:
    verified = f"{one.verified_at:%Y-%m-%d %H:%M} UTC" if one.verified_at else "not tried"
    return (
        one.id,
        one.kind,
        one.host or "-",
        f"{one.started_at:%Y-%m-%d %H:%M} UTC",
        sized(one.size_bytes),
        sized(one.plain_bytes),
        "useless" if one.trouble else verified,
    )
