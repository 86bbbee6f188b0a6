"""What the drain notes of its database, and what it says of trouble (connecting.py)."""

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from app.database import server
from app.pings import connecting
from app.postgresql.servers import AnotherDatabase, TwoPrimaries, remembered, seen_path


@pytest.mark.django_db(transaction=True)
def test_the_database_is_noted_on_disk_before_anything_is_written_there() -> None:
    connection.ensure_connection()
    seen_path(settings.DATA_DIR).unlink(missing_ok=True)
    connection.ensure_connection()
    connecting.note_seen()
    noted, here = remembered(seen_path(settings.DATA_DIR)), server()
    if connection.vendor == "sqlite":
        assert (noted, here) == (None, None)
        return
    assert noted is not None
    assert here is not None
    assert (noted.system, noted.timeline) == (here.system, here.timeline)


def test_an_alarm_is_one_and_trouble_is_said_each_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    complaints = connecting.Complaints()
    for error in 3 * [AnotherDatabase("x"), OperationalError("y\nz"), TwoPrimaries("x")]:
        complaints.say(error)
    levels = [record.levelname for record in caplog.records]
    assert levels == ["CRITICAL", "WARNING", "WARNING", "WARNING"]
    monkeypatch.setattr(connecting, "ALARM_SECONDS", 0.0)
    complaints.say(TwoPrimaries("x"))
    assert caplog.records[-1].levelname == "CRITICAL"
