"""Names of zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.checks.zones import MAX_TZ_CHARS, canonical_tz, current_names, zone_of_name

NOW = datetime(2026, 5, 1, 12, 34, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "current"),
    [
        ("Europe/Kiev", "Europe/Kyiv"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("US/Eastern", "America/New_York"),
        # zone.tab lists it, though tzdata has it as a link to Brussels
        ("Europe/Amsterdam", "Europe/Amsterdam"),
        ("UTC", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("EST", "EST"),
        ("Iceland", "Iceland"),
        ("Mars/Olympus", "Mars/Olympus"),
    ],
)
def test_a_renamed_zone_gets_today_s_name(name: str, current: str) -> None:
    assert canonical_tz(name) == current


def test_every_current_name_is_valid_keeps_its_name_and_the_time() -> None:
    for name, current in current_names().items():
        assert len(name) <= MAX_TZ_CHARS
        assert zone_of_name(current)
        assert canonical_tz(current) == current
        old, new = (NOW.astimezone(ZoneInfo(tz)).utcoffset() for tz in (name, current))
        assert old == new


@pytest.mark.parametrize("name", ["", "localtime", "../UTC", "/etc/passwd", "europe/riga"])
def test_what_is_no_name_of_a_zone_opens_no_file(name: str) -> None:
    assert zone_of_name(name) is None
