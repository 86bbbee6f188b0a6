import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.alerts import tell as telling
from app.alerts.models import Channel, Notification
from app.alerts.outbox import disable
from app.alerts.tell import tell
from app.checks.models import Check, Flip
from tests.app.alerts.world import SECOND, ago, make_check, make_email, make_flip, make_webhook

pytestmark = pytest.mark.django_db
NOW = ago()


@pytest.fixture
def check() -> Check:
    return make_check()


def told(channel: Channel) -> list[tuple[str, float]]:
    """Return what the channel is to be told, in order, in seconds before NOW."""
    rows = Notification.objects.filter(channel=channel).order_by("flip_at", "pk")
    return [(row.new_status, (row.flip_at - NOW).total_seconds()) for row in rows]


def test_a_flip_becomes_a_notification_of_every_assigned_channel(check: Check) -> None:
    first, second = make_email(check), make_webhook(check, "http://x/")
    unassigned = make_email(check)
    unassigned.checks.clear()
    flip = make_flip(check, NOW - 5 * SECOND)
    result = tell(NOW, None)
    assert (result.flips, result.notifications, result.is_held) == (1, 2, False)
    assert told(first) == told(second) == [("down", -5.0)]
    assert told(unassigned) == []
    flip.refresh_from_db()
    assert flip.told_at == NOW
    row = Notification.objects.get(channel=first)
    assert (row.old_status, row.reason, row.state) == ("up", "timeout", "waiting")
    assert (row.next_attempt_at, row.check_ref) == (NOW, check)


def test_a_flip_is_told_once(check: Check) -> None:
    channel = make_email(check)
    make_flip(check, NOW)
    tell(NOW, None)
    assert tell(NOW, None).flips == 0
    assert len(told(channel)) == 1


def test_a_flip_that_comes_back_in_a_failover_is_not_told_twice(check: Check) -> None:
    channel = make_email(check)
    make_flip(check, NOW)
    tell(NOW, None)
    Flip.objects.all().delete()
    make_flip(check, NOW)
    assert tell(NOW, None).flips == 1
    assert len(told(channel)) == 1


def test_down_and_up_while_the_notifier_was_away_are_both_told_in_order(check: Check) -> None:
    channel = make_email(check)
    make_flip(check, NOW - 50 * SECOND, "up")
    make_flip(check, NOW - 90 * SECOND, "down")
    make_flip(check, NOW - 10 * SECOND, "down", reason="fail")
    assert tell(NOW, None).flips == 3
    assert told(channel) == [("down", -90.0), ("up", -50.0), ("down", -10.0)]


def test_a_disabled_channel_is_not_told(check: Check) -> None:
    channel = make_email(check)
    disable(channel, "unsubscribed", NOW)
    make_flip(check, NOW)
    assert tell(NOW, None).flips == 1
    assert told(channel) == []


def test_a_channel_is_told_of_the_directions_that_it_wants(check: Check) -> None:
    only_up = make_email(check, config={"to": "a@example.org", "on_down": False, "on_up": True})
    only_down = make_webhook(check, "", config={"down": {"url": "http://x/"}, "up": None})
    make_flip(check, NOW - SECOND, "down")
    make_flip(check, NOW, "up")
    tell(NOW, None)
    assert told(only_up) == [("up", 0.0)]
    assert told(only_down) == [("down", -1.0)]


@pytest.mark.parametrize(
    ("old", "new"), [("new", "up"), ("paused", "up"), ("up", "paused"), ("paused", "new")]
)
def test_nobody_is_woken_by_a_first_ping_or_a_pause(check: Check, old: str, new: str) -> None:
    channel = make_email(check)
    Flip.objects.create(check_ref=check, at=NOW, old_status=old, new_status=new)
    assert tell(NOW, None).flips == 1
    assert told(channel) == []


@pytest.mark.parametrize("old", ["new", "paused", "up"])
def test_everything_that_goes_down_is_told(check: Check, old: str) -> None:
    channel = make_email(check)
    Flip.objects.create(check_ref=check, at=NOW, old_status=old, new_status="down", reason="fail")
    tell(NOW, None)
    assert told(channel) == [("down", 0.0)]


def test_a_flip_by_silence_waits_for_a_lagging_receiver_and_what_follows_waits_behind(
    check: Check,
) -> None:
    channel = make_email(check)
    make_flip(check, NOW - 60 * SECOND, "down", "timeout")
    make_flip(check, NOW - 30 * SECOND, "up")
    held = tell(NOW, applied_before=NOW - 61 * SECOND)
    assert (held.flips, held.is_held, told(channel)) == (0, True, [])
    free = tell(NOW, applied_before=NOW - 60 * SECOND)
    assert (free.flips, free.is_held) == (2, False)
    assert told(channel) == [("down", -60.0), ("up", -30.0)]


def test_what_came_before_a_held_flip_is_told(check: Check) -> None:
    channel = make_email(check)
    make_flip(check, NOW - 90 * SECOND, "down", "fail")
    make_flip(check, NOW - 80 * SECOND, "up")
    make_flip(check, NOW - 20 * SECOND, "down", "timeout")
    result = tell(NOW, applied_before=NOW - 30 * SECOND)
    assert (result.flips, result.is_held) == (2, True)
    assert told(channel) == [("down", -90.0), ("up", -80.0)]


def test_a_failure_that_was_reported_is_told_whatever_receivers_do(check: Check) -> None:
    channel = make_email(check)
    make_flip(check, NOW, "down", "fail")
    assert tell(NOW, applied_before=NOW - 3600 * SECOND).flips == 1
    assert told(channel) == [("down", 0.0)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    silent=st.lists(st.booleans(), min_size=1, max_size=6),
    turns=st.lists(st.integers(0, 14), min_size=1, max_size=6).map(sorted),
)
def test_flips_are_told_whole_in_order_and_never_before_their_time(
    silent: list[bool], turns: list[int]
) -> None:
    """Flip i is at second 2i, by silence or not; T moves on from turn to turn."""
    check = make_check()
    channel = make_email(check)
    for place, by_silence in enumerate(silent):
        make_flip(check, NOW + 2 * place * SECOND, "down", "timeout" if by_silence else "fail")
    for applied in turns:
        tell(NOW, NOW + applied * SECOND)
        places = [int(seconds) // 2 for _, seconds in told(channel)]
        held = [place for place, is_ in enumerate(silent) if is_ and 2 * place > applied]
        assert places == list(range(held[0] if held else len(silent)))
    check.delete()


def test_checks_that_are_held_do_not_stand_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "TOLD_AT_ONCE", 2)
    for place in range(4):
        lagging = make_check()
        make_flip(lagging, NOW - (60 + place) * SECOND, "down", "timeout")
        make_flip(lagging, NOW - 50 * SECOND, "up")
    check = make_check()
    channel = make_email(check)
    make_flip(check, NOW, "down", "fail")
    tell(NOW, applied_before=NOW - 3600 * SECOND)
    assert told(channel) == [("down", 0.0)]


def test_a_check_whose_flips_cannot_be_read_is_put_aside_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sick, well = make_check(), make_check()
    channel, other = make_email(sick), make_email(well)
    flip = make_flip(sick, NOW - SECOND)
    make_flip(well, NOW)
    bad = "20000-01-01" if connection.vendor == "postgresql" else "1999-13-45 00:00:00"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE checks_flip SET at = %s WHERE id = %s", [bad, flip.pk])
    with caplog.at_level(logging.ERROR):
        result = tell(NOW, None)
    assert (result.flips, result.poisoned) == (1, (sick.pk,))
    assert (told(channel), told(other)) == ([], [("down", 0.0)])
    assert any("put aside" in record.message for record in caplog.records)
    caplog.clear()
    assert tell(NOW, None, leave_out=result.poisoned).flips == 0
    assert caplog.records == []


def test_a_broken_channel_does_not_keep_the_others_from_being_told(check: Check) -> None:
    configs: list[Any] = [[], {"down": "no"}, {"down": {"url": 7, "headers": []}}, {"down": None}]
    for config in configs:
        make_webhook(check, "", config=config)
    channel = make_email(check)
    make_flip(check, NOW)
    assert tell(NOW, None).poisoned == ()
    assert told(channel) == [("down", 0.0)]


@pytest.mark.django_db(transaction=True)
def test_a_channel_deleted_in_between_costs_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    check = make_check()
    gone, kept = make_email(check), make_webhook(check, "http://x/")
    make_flip(check, NOW)
    Channel.objects.filter(pk=gone.pk).delete()
    with monkeypatch.context() as before:
        before.setattr(telling, "_channels_of", lambda _checks: {check.pk: [gone, kept]})
        result = tell(NOW, None)
        assert (result.flips, result.poisoned) == (0, ())
    assert tell(NOW, None).flips == 1
    assert told(kept) == [("down", 0.0)]


def test_a_batch_of_checks_costs_as_many_statements_as_one() -> None:
    def statements(checks: int) -> int:
        for _ in range(checks):
            check = make_check()
            make_email(check)
            make_flip(check, NOW - timedelta(minutes=1))
        with CaptureQueriesContext(connection) as queries:
            assert tell(NOW, None).flips == checks
        return len(queries)

    assert statements(1) == statements(20)


def test_of_what_was_before_a_failover_the_last_state_of_each_check_is_told(check: Check) -> None:
    channel, other = make_email(check), make_check(check.project)
    of_other = make_email(other)
    make_flip(check, NOW - 90 * SECOND, "down")
    make_flip(check, NOW - 50 * SECOND, "up")
    make_flip(check, NOW - 40 * SECOND, "down", reason="fail")
    make_flip(check, NOW - 20 * SECOND, "up")
    make_flip(other, NOW - 80 * SECOND, "down")
    assert tell(NOW, None, changed_at=NOW - 30 * SECOND).flips == 5
    assert told(channel) == [("down", -40.0), ("up", -20.0)]
    assert told(of_other) == [("down", -80.0)]
    assert not Flip.objects.filter(told_at=None).exists()


def test_a_notification_made_again_after_a_failover_has_its_old_code(check: Check) -> None:
    make_email(check)
    make_flip(check, NOW)
    tell(NOW, None)
    code = Notification.objects.get().code
    Notification.objects.all().delete()
    Flip.objects.update(told_at=None)
    tell(NOW + SECOND, None)
    assert Notification.objects.get().code == code
