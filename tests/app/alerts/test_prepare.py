import json
from datetime import timedelta

import pytest
from django.conf import settings

from app.alerts.prepare import prepare
from app.checks.models import Check
from app.pings.models import Ping
from tests.app.alerts.world import SECOND, ago, make_check, make_email, make_waiting, make_webhook

pytestmark = pytest.mark.django_db
NOW = ago().replace(microsecond=0)


def make_ping(check: Check, n: int, body: bytes | None, exit_status: int | None = None) -> None:
    Ping.objects.create(
        check_ref=check,
        n=n,
        received_at=NOW + n * SECOND,
        action="success",
        body=body,
        exit_status=exit_status,
    )


def test_a_message_has_the_ping_that_was_there_at_the_flip_and_not_a_later_one() -> None:
    check = make_check()
    make_ping(check, 1, b"first")
    make_ping(check, 2, b"second\x00\xff", exit_status=7)
    make_ping(check, 3, b"third")
    row = make_waiting(make_email(check), check, NOW + 2 * SECOND)
    message = prepare(row.pk, NOW)
    assert message is not None
    assert message.check is not None
    assert (message.check.body, message.check.exit_status) == (b"second\x00\xff", 7)
    assert message.check.last_ping_at == NOW + 2 * SECOND
    assert (message.project, message.flip_at, message.status) == ("Things", row.flip_at, "down")


def test_a_check_that_was_never_pinged_has_no_body() -> None:
    check = make_check()
    message = prepare(make_waiting(make_email(check), check, NOW).pk, NOW)
    assert message is not None
    assert message.check is not None
    assert (message.check.body, message.check.last_ping_at) == (b"", None)


def test_a_test_has_no_check() -> None:
    message = prepare(make_waiting(make_email(make_check()), None, NOW).pk, NOW)
    assert message is not None
    assert message.check is None


def test_what_was_deleted_is_nothing() -> None:
    assert prepare(0, NOW) is None


def test_the_object_of_the_api_is_made_where_it_is_asked_for() -> None:
    check = make_check(tags="a b", slug="backup", last_duration_us=2_500_000, last_ping_at=NOW)
    plain = make_webhook(check, "http://x/")
    asks = make_webhook(check, "http://x/", config={"down": {"url": "http://x/", "body": "$JSON"}})
    without = prepare(make_waiting(plain, check, NOW).pk, NOW)
    assert without is not None
    assert without.check is not None
    assert without.check.as_json == ""
    message = prepare(make_waiting(asks, check, NOW + timedelta(seconds=1)).pk, NOW)
    assert message is not None
    assert message.check is not None
    shown = json.loads(message.check.as_json)
    url = f"{settings.SITE_ROOT}/api/v3/checks/{check.code}"
    expected = {
        "name": "backup",
        "slug": "backup",
        "tags": "a b",
        "status": "down",
        "timeout": 86_400,
        "grace": 3_600,
        "last_ping": NOW.isoformat(),
        "next_ping": None,
        "last_duration": 2,
        "uuid": str(check.code),
        "update_url": url,
        "pause_url": f"{url}/pause",
        "channels": ",".join(sorted([str(plain.code), str(asks.code)])),
    }
    assert {key: shown[key] for key in expected} == expected


def test_a_cron_check_shows_its_schedule_and_no_period() -> None:
    check = make_check(kind="cron", schedule="0 3 * * *", tz="Europe/Riga")
    asks = make_webhook(check, "", config={"down": {"url": "http://x/", "body": "$JSON"}})
    message = prepare(make_waiting(asks, check, NOW).pk, NOW)
    assert message is not None
    assert message.check is not None
    shown = json.loads(message.check.as_json)
    assert (shown["schedule"], shown["tz"]) == ("0 3 * * *", "Europe/Riga")
    assert "timeout" not in shown
