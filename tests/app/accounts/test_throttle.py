"""Token buckets in the database."""

from datetime import UTC, datetime, timedelta

import pytest

from app.accounts.models import Bucket
from app.accounts.throttle import FORGET_AFTER, Limit, forget_idle, give_back, take

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
LIMIT = Limit("test", 3, timedelta(minutes=3))


def taken(who: str, now: datetime, times: int) -> list[timedelta | None]:
    return [take(LIMIT, who, now) for _ in range(times)]


def test_a_bucket_gives_what_is_in_it_and_then_says_how_long_to_wait() -> None:
    assert taken("a", NOW, 4) == [None, None, None, timedelta(minutes=1)]


def test_a_bucket_fills_up_with_time_and_not_over_its_brim() -> None:
    taken("a", NOW, 3)
    assert taken("a", NOW + timedelta(seconds=61), 2)[0] is None
    late = NOW + timedelta(days=1)
    assert taken("a", late, 4) == [None, None, None, timedelta(minutes=1)]


def test_everybody_has_a_bucket_of_their_own() -> None:
    taken("a", NOW, 3)
    assert take(LIMIT, "b", NOW) is None
    assert take(Limit("other", 3, timedelta(minutes=3)), "a", NOW) is None


def test_a_try_can_be_given_back() -> None:
    taken("a", NOW, 3)
    give_back(LIMIT, "a", NOW)
    assert taken("a", NOW, 2) == [None, timedelta(minutes=1)]


def test_a_clock_set_back_takes_nothing_away() -> None:
    taken("a", NOW, 1)
    assert take(LIMIT, "a", NOW - timedelta(hours=1)) is None


def test_buckets_that_are_full_again_are_forgotten() -> None:
    taken("a", NOW, 1)
    forget_idle(NOW + FORGET_AFTER)
    assert Bucket.objects.exists()
    forget_idle(NOW + FORGET_AFTER + timedelta(seconds=1))
    assert not Bucket.objects.exists()
