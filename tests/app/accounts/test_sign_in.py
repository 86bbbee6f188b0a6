"""Single-use sign-in links."""

from datetime import UTC, datetime, timedelta

import pytest

from app.accounts.mailed_links import LIFETIME
from app.accounts.models import MailedLink, User
from app.accounts.sign_in import find_link, is_of_browser, make_link, use_up

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def token_of(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


@pytest.fixture
def user() -> User:
    return User.objects.create_user("a@example.org")


def test_a_link_is_an_absolute_address(user: User) -> None:
    assert make_link(user, NOW).startswith("http://localhost:8000/sign-in/link/")


def test_only_the_digest_of_a_token_is_kept(user: User) -> None:
    token = token_of(make_link(user, NOW))
    assert token not in MailedLink.objects.get().digest


def test_a_link_lives_for_an_hour(user: User) -> None:
    token = token_of(make_link(user, NOW))
    assert find_link(token, NOW + LIFETIME - timedelta(seconds=1))
    assert find_link(token, NOW + LIFETIME) is None


def test_of_two_who_use_a_link_at_the_same_time_one_gets_in(user: User) -> None:
    token = token_of(make_link(user, NOW))
    first, second = find_link(token, NOW), find_link(token, NOW)
    assert first is not None
    assert second is not None
    assert use_up(first) == user
    assert use_up(second) is None


def test_a_link_for_nobody_never_works() -> None:
    assert find_link(token_of(make_link(None, NOW)), NOW) is None


def test_a_link_knows_the_browser_that_asked(user: User) -> None:
    link = find_link(token_of(make_link(user, NOW, "secret")), NOW)
    assert link is not None
    assert is_of_browser(link, "secret")
    assert not is_of_browser(link, "other")
    assert not is_of_browser(link, "")


def test_a_link_that_nobody_asked_for_in_a_browser_always_wants_a_click(user: User) -> None:
    link = find_link(token_of(make_link(user, NOW)), NOW)
    assert link is not None
    assert not is_of_browser(link, "")


def test_old_links_are_swept_away(user: User) -> None:
    make_link(user, NOW)
    make_link(user, NOW + LIFETIME + timedelta(seconds=1))
    assert MailedLink.objects.count() == 1
