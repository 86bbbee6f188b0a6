"""The field of an address: whoever reads its mail is its account, and nobody else."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from app.accounts.models import User
from app.pages.email_field import EmailField
from tests.app.pages.mailbox import arrived, link_in
from tests.app.pages.world import PASSWORD

LOOKALIKE = "ada@g\N{LATIN SMALL LETTER DOTLESS I}thub.com"

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Ada@Example.org", "Ada@Example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        (LOOKALIKE, "ada@xn--gthub-n4a.com"),
        ("ada@\N{KELVIN SIGN}elvin.org", "ada@kelvin.org"),
    ],
)
def test_a_domain_is_kept_as_a_mail_server_is_asked_for_it(typed: str, address: str) -> None:
    assert EmailField().clean(typed) == address


@pytest.mark.parametrize(
    "typed", ["m\N{LATIN SMALL LETTER DOTLESS I}ke@example.org", "mi\N{KELVIN SIGN}e@example.org"]
)
def test_a_name_that_only_looks_like_another_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError, match="letters a to z"):
        EmailField().clean(typed)


def test_an_address_that_grows_too_long_is_refused() -> None:
    typed = f"{'a' * 60}@{'.'.join(['ü' * 20] * 8)}.org"
    with pytest.raises(ValidationError):
        EmailField().clean(typed)


def test_who_reads_the_mail_of_a_lookalike_does_not_get_the_account(settings: Settings) -> None:
    settings.SIGN_UP = "open"
    stranger = Client()
    stranger.post("/sign-up/", {"email": LOOKALIKE})
    (message,) = arrived()
    assert message.to == ["ada@xn--gthub-n4a.com"]
    ada = User.objects.create_user("ada@github.com", PASSWORD)
    stranger.post(link_in(message))
    assert stranger.get("/account/").context["user"] != ada
    for typed in (LOOKALIKE, "ada@github.com"):
        fields = {"email": typed, "password": PASSWORD}
        expected = 302 if typed == ada.email else 422
        assert Client().post("/sign-in/", fields).status_code == expected
