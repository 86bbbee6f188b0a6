import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from app.alerts import unsubscribe

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CODE = uuid.UUID("7e1f0f0e-42a6-4c5b-8f4f-0c5b8b1f0a11")


def test_a_token_gives_back_whose_it_is_and_when_it_was_sent() -> None:
    assert unsubscribe.read(unsubscribe.token(CODE, NOW)) == (CODE, NOW)


@given(st.integers(0, 80), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_changed_token_is_refused(place: int, char: str) -> None:
    token = unsubscribe.token(CODE, NOW)
    place %= len(token)
    changed = token[:place] + char + token[place + 1 :]
    if changed != token:
        with pytest.raises(ValueError, match="not one of ours"):
            unsubscribe.read(changed)


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not one of ours"):
        unsubscribe.read(text)


def test_a_token_of_another_installation_is_refused(settings: Settings) -> None:
    token = unsubscribe.token(CODE, NOW)
    settings.SECRET_KEY = "another"
    with pytest.raises(ValueError, match="not one of ours"):
        unsubscribe.read(token)


def test_the_link_is_absolute(settings: Settings) -> None:
    settings.SITE_ROOT = "https://still.example.org"
    token = unsubscribe.token(CODE, NOW)
    assert unsubscribe.url(CODE, NOW) == f"https://still.example.org/unsubscribe/{token}/"
