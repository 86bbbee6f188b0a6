from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerts import outbox
from app.alerts.models import Channel
from app.checks.models import Check
from tests.app.alerts.world import make_check, make_email

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@given(luck=st.floats(0, 1, exclude_max=True), attempts=st.integers(1, outbox.MAX_ATTEMPTS - 1))
def test_the_pause_after_an_attempt_is_spread_by_a_fifth(luck: float, attempts: int) -> None:
    again = outbox.retry_at(attempts, NOW, luck)
    assert again is not None
    nominal = outbox.RETRY_AFTER_SECONDS[attempts - 1]
    assert 0.8 * nominal <= (again - NOW).total_seconds() <= 1.2 * nominal


def test_pauses_grow_from_seconds_to_hours_and_end() -> None:
    pauses = list(outbox.RETRY_AFTER_SECONDS)
    assert pauses == sorted(pauses)
    assert pauses[0] <= 5
    assert timedelta(hours=12) < timedelta(seconds=sum(pauses)) < timedelta(hours=24)
    assert outbox.retry_at(len(pauses), NOW, 0.5) is not None
    assert outbox.retry_at(len(pauses) + 1, NOW, 0.5) is None


@pytest.mark.django_db
def test_a_channel_is_disabled_once_with_the_first_reason() -> None:
    channel = make_email(make_check())
    assert outbox.disable(channel, "unsubscribed", NOW)
    assert not outbox.disable(channel, "another", NOW + timedelta(hours=1))
    channel.refresh_from_db()
    assert (channel.disabled_at, channel.disabled_reason) == (NOW, "unsubscribed")


@pytest.mark.django_db
def test_an_enabled_channel_begins_anew() -> None:
    channel = make_email(make_check(), last_error="no answer")
    outbox.disable(channel, "unsubscribed", NOW)
    outbox.enable(channel)
    channel.refresh_from_db()
    assert (channel.disabled_at, channel.disabled_reason, channel.last_error) == (None, "", "")


@pytest.mark.django_db
def test_a_check_that_a_ping_creates_gets_all_channels_of_its_project() -> None:
    channel = make_email(make_check())
    stranger = make_email(make_check())
    check = Check.objects.provision(channel.project, "new-one")
    assert list(check.channels.all()) == [channel]
    assert Channel.objects.get(pk=stranger.pk).checks.count() == 1
