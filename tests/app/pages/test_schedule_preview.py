"""The preview of a schedule."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from app.checks.schedule import Kind, Schedule
from app.pages.schedule_preview import preview

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
RIGA, HOUR = ZoneInfo("Europe/Riga"), timedelta(hours=1)


def test_an_expression_is_shown_in_its_own_zone() -> None:
    shown = preview(Schedule(Kind.CRON, 0, "0 9 * * 1-5", "Asia/Tokyo"), HOUR, NOW, RIGA)
    assert shown
    assert shown.zone == "Asia/Tokyo"
    assert [date.shown for date in shown.dates[:2]] == [
        "Mon 23 Nov 2026, 09:00 JST",
        "Tue 24 Nov 2026, 09:00 JST",
    ]
    assert [date.distance for date in shown.dates] == ["in 34 h", *["1 day later"] * 4]
    assert shown.grace.startswith("A ping that is due at 09:00 is late then, and you are told at")


def test_a_period_is_shown_in_the_readers_zone() -> None:
    shown = preview(Schedule(Kind.SIMPLE, 86_400, "", "UTC"), timedelta(days=1), NOW, RIGA)
    assert shown
    assert [date.shown for date in shown.dates] == ["Sun 22 Nov 2026, 16:00 EET"]
    assert "you are told at Mon 23 Nov 16:00" in shown.grace


def test_there_is_no_preview_of_a_broken_row() -> None:
    for rule in (Schedule(Kind.CRON, 0, "x", "UTC"), Schedule(Kind.CRON, 0, "* * * * *", "Mars")):
        assert preview(rule, HOUR, NOW, RIGA) is None


def test_a_schedule_that_is_over_has_no_dates() -> None:
    shown = preview(Schedule(Kind.ONCALENDAR, 0, "2020-01-01", "UTC"), HOUR, NOW, RIGA)
    assert shown
    assert (shown.dates, shown.grace) == ([], "")
