"""Sign in with a password or an e-mailed link, and sign out."""

from urllib.parse import urlsplit

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from app.accounts.models import MailedLink
from app.accounts.sign_in import make_link
from app.pages.sign_in import BROWSER_COOKIE
from tests.app.pages.mailbox import arrived, link_in
from tests.app.pages.world import PASSWORD, Answer, World

pytestmark = pytest.mark.usefixtures("world")
SIGN_IN, MAIL = "/sign-in/", "/sign-in/mail/"


def try_password(client: Client, email: str, password: str, **extra: str) -> Answer:
    fields = {"email": email, "password": password, **extra}
    return client.post(SIGN_IN, fields)


def is_signed_in(client: Client) -> bool:
    return SESSION_KEY in client.session


def test_a_password_signs_in_whatever_the_case_of_the_address() -> None:
    client = Client()
    response = try_password(client, "owner@EXAMPLE.org", PASSWORD)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_signed_in(client)


@pytest.mark.parametrize("email", ["owner@example.org", "nobody@example.org"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(email: str) -> None:
    response = try_password(Client(), email, "wrong")
    assert response.status_code == 422
    assert b"This address and this password do not belong together." in response.content


def test_an_inactive_user_cannot_sign_in(world: World) -> None:
    world.owner.is_active = False
    world.owner.save()
    client = Client()
    assert try_password(client, "owner@example.org", PASSWORD).status_code == 422
    assert client.get(urlsplit(make_link(world.owner, timezone.now())).path).status_code == 410


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example/", "/\\evil", "evil"])
def test_next_leads_to_our_own_paths_only(goal: str) -> None:
    assert try_password(Client(), "owner@example.org", PASSWORD, next=goal)["Location"] == "/"


def test_next_leads_where_one_was_going(world: World) -> None:
    goal = reverse("channels", args=[world.project.code])
    page = Client().get(goal, follow=True).content.decode()
    assert f'name="next" value="{goal}"' in page
    assert try_password(Client(), "owner@example.org", PASSWORD, next=goal)["Location"] == goal


def test_the_twenty_first_try_from_an_address_has_to_wait() -> None:
    client = Client()
    for number in range(20):
        assert try_password(client, f"{number}@example.org", "wrong").status_code == 422
    response = try_password(client, "owner@example.org", PASSWORD)
    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 181
    assert b"Too many tries. Try again in" in response.content
    assert (
        try_password(_elsewhere("198.51.100.7"), "owner@example.org", PASSWORD).status_code == 302
    )


def test_the_twenty_first_password_for_an_account_has_to_wait() -> None:
    for number in range(20):
        client = _elsewhere(f"198.51.100.{number}")
        assert try_password(client, "owner@example.org", "wrong").status_code == 422
    response = try_password(_elsewhere("203.0.113.1"), "owner@example.org", PASSWORD)
    assert response.status_code == 429


def test_honest_sign_ins_use_up_nothing() -> None:
    for _ in range(25):
        assert try_password(Client(), "owner@example.org", PASSWORD).status_code == 302


def test_the_eleventh_mail_to_an_address_has_to_wait() -> None:
    for number in range(10):
        client = _elsewhere(f"198.51.100.{number}")
        assert client.post(MAIL, {"email": "owner@example.org"}).status_code == 200
    arrived(10)
    response = _elsewhere("203.0.113.1").post(MAIL, {"email": "OWNER@example.org"})
    assert response.status_code == 429


def test_the_answer_does_not_say_whether_the_address_is_known() -> None:
    known = Client().post(MAIL, {"email": "owner@example.org"})
    unknown = Client().post(MAIL, {"email": "nobody@example.org"})
    assert known.content.replace(b"owner@", b"nobody@") == unknown.content
    assert set(known.cookies) == set(unknown.cookies)
    assert MailedLink.objects.count() == 2
    assert [message.to for message in arrived(1)] == [["Owner@example.org"]]


@pytest.mark.parametrize("server", ["", "mail.example.org"])
def test_who_looks_for_the_mail_is_told_where_it_is(server: str, settings: Settings) -> None:
    settings.EMAIL_HOST, settings.SIGN_UP = server, "open"
    for path in (MAIL, reverse("sign_up")):
        page = Client().post(path, {"email": "owner@example.org"}).content.decode()
        assert ("the directory <code>mail</code>" in page) is (not server)
        assert ("spam folder" in page) is bool(server)


def test_the_link_works_at_once_in_the_browser_that_asked() -> None:
    client = Client()
    client.post(MAIL, {"email": "owner@example.org", "next": "/checks/"})
    response = client.get(link_in(arrived()[0]))
    assert (response.status_code, response["Location"]) == (302, "/checks/")
    assert is_signed_in(client)
    assert not response.cookies[BROWSER_COOKIE].value


def test_a_scanner_does_not_use_the_link_up() -> None:
    client, scanner = Client(), Client()
    client.post(MAIL, {"email": "owner@example.org"})
    link = link_in(arrived()[0])
    for method in (scanner.head, scanner.get, scanner.get, client.head):
        assert method(link).status_code == 200
    assert not is_signed_in(scanner)
    assert b"One click more" in scanner.get(link).content
    assert client.get(link).status_code == 302


def test_in_another_browser_a_click_signs_in() -> None:
    Client().post(MAIL, {"email": "owner@example.org"})
    link, other = link_in(arrived()[0]), Client()
    assert other.post(link).status_code == 302
    assert is_signed_in(other)


def test_a_link_works_once(world: World) -> None:
    link = urlsplit(make_link(world.owner, timezone.now())).path
    assert Client().post(link).status_code == 302
    late = Client()
    response = late.post(link)
    assert response.status_code == 410
    assert b"This link does not work any more" in response.content
    assert not is_signed_in(late)


def test_a_made_up_link_signs_nobody_in() -> None:
    assert Client().post("/sign-in/link/made-up/").status_code == 410


def test_sign_out_ends_the_session(owner: Client) -> None:
    assert owner.post("/sign-out/")["Location"] == SIGN_IN
    assert not is_signed_in(owner)


def test_forms_answer_with_the_fields_own_message() -> None:
    page = Client().post(SIGN_IN, {"email": "no address", "password": "x"}).content.decode()
    assert 'id="id_email_error">Enter a valid email address.' in page
    page = Client().post(SIGN_IN, {"email": "owner@example.org", "password": ""}).content.decode()
    assert 'id="id_password_error">Type your password, or have a link e-mailed.' in page


def _elsewhere(address: str) -> Client:
    """Return a browser behind our relay, which sets the last entry itself."""
    return Client(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR=f"10.9.9.9, {address}")
