"""A moment to go back to, as a person says it."""

from datetime import UTC, datetime

from backups.errors import RestoreRefused

LATEST = "latest"  # all the WAL that there is


def moment(text: str) -> datetime | None:
    """Return the moment, aware and UTC; None is the end of WAL. RestoreRefused for no time."""
    if text == LATEST:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RestoreRefused(f"--at {text}: say it as 2026-11-22T01:30:00Z, or latest.") from None
    if at.tzinfo is None:
        raise RestoreRefused(f"--at {text} has no time zone: 2026-11-22T01:30:00Z is UTC.")
    return at.astimezone(UTC)


def said(at: datetime | None) -> str:
    """Return a moment as a person reads it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "the end of its WAL"
