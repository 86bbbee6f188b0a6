"""Sign up, when the server is open to it."""

import threading

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from app.accounts import email_change, sign_in
from app.accounts.models import MailedLink, User
from app.accounts.sign_up import make_link
from tests.app.pages.mailbox import arrived, link_in, wait_for_mails
from tests.app.pages.world import Answer, World, client_of

pytestmark = pytest.mark.usefixtures("world")
SIGN_UP = "/sign-up/"


@pytest.fixture(autouse=True)
def is_open(settings: Settings) -> None:
    settings.SIGN_UP = "open"


def ask(email: str, client: Client | None = None) -> Answer:
    return (client or Client()).post(SIGN_UP, {"email": email})


def fresh_link(email: str = "new@example.org") -> str:
    return make_link(email, timezone.now()).removeprefix("http://localhost:8000")


def test_a_mailed_link_makes_an_account_and_leads_to_the_first_project() -> None:
    client = Client()
    assert ask("New@example.org", client).status_code == 200
    assert not User.objects.filter(email__iexact="new@example.org").exists()
    response = client.post(link_in(arrived()[0]), follow=True)
    assert response.redirect_chain[-1][0] == "/projects/add/"
    assert b"Make your first project" in response.content
    user = User.objects.get(email="New@example.org")
    assert client.session[SESSION_KEY] == str(user.pk)
    assert not user.has_usable_password()


def test_the_answer_does_not_say_whether_the_address_is_known() -> None:
    known, unknown = ask("reader@example.org"), ask("nobody@example.org")
    assert known.status_code == unknown.status_code == 200
    assert known.content.replace(b"reader@", b"nobody@") == unknown.content
    assert known.cookies.output() == unknown.cookies.output() == ""
    for answer in (known, unknown):
        del answer.headers["Expires"]  # of the second in which it was made
    assert sorted(known.headers.items()) == sorted(unknown.headers.items())
    assert MailedLink.objects.count() == 2


def test_a_known_and_an_unknown_address_cost_the_same_queries() -> None:
    counts = []
    for email in ("first@example.org", "owner@example.org", "nobody@example.org"):
        with CaptureQueriesContext(connection) as queries:
            ask(email)
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_a_known_address_gets_a_sign_in_link() -> None:
    ask("owner@example.org")
    (message,) = arrived()
    assert message.to == ["Owner@example.org"]
    assert link_in(message).startswith("/sign-in/link/")


def test_an_inactive_account_gets_nothing(world: World) -> None:
    User.objects.filter(pk=world.owner.pk).update(is_active=False)
    assert ask("owner@example.org").status_code == 200
    wait_for_mails()
    assert mail.outbox == []


def test_a_scanner_does_not_make_the_account() -> None:
    link = fresh_link()
    for method in (Client().head, Client().get):
        assert method(link).status_code == 200
    assert not User.objects.filter(email="new@example.org").exists()
    assert MailedLink.objects.count() == 1


def test_a_link_works_once() -> None:
    link, late = fresh_link(), Client()
    assert Client().post(link).status_code == 302
    response = late.post(link)
    assert response.status_code == 410
    assert SESSION_KEY not in late.session


def test_whom_a_link_has_signed_in_it_leads_home_again() -> None:
    link, client = fresh_link(), Client()
    client.post(link)
    assert client.get(link)["Location"] == "/"


def test_two_links_for_an_address_are_one_account() -> None:
    first, second = fresh_link(), fresh_link("NEW@example.org")
    assert Client().post(first).status_code == 302
    assert Client().post(second).status_code == 302
    assert User.objects.filter(email__iexact="new@example.org").count() == 1


def test_links_of_other_kinds_make_no_account(world: World) -> None:
    now = timezone.now()
    others = (
        sign_in.make_link(world.owner, now),
        sign_in.make_link(None, now),
        email_change.make_link(world.owner, "other@example.org", now) or "",
    )
    for link in others:
        token = link.rstrip("/").rpartition("/")[2]
        assert Client().post(f"/sign-up/{token}/").status_code == 410
    token = fresh_link().rstrip("/").rpartition("/")[2]
    assert Client().post(f"/sign-in/link/{token}/").status_code == 410
    assert Client().post(f"/account/email/{token}/").status_code == 410


def test_the_eleventh_mail_to_an_address_has_to_wait() -> None:
    for number in range(10):
        elsewhere = Client(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
        assert ask("new@example.org", elsewhere).status_code == 200
    response = ask("NEW@example.org", Client(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="203.0.113.1"))
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_the_twenty_first_try_from_a_place_has_to_wait() -> None:
    for number in range(20):
        assert ask(f"{number}@example.org").status_code == 200
    assert ask("more@example.org").status_code == 429


@pytest.mark.parametrize(
    ("mode", "words"),
    [("invitation", b"Accounts are by invitation"), ("closed", b"There are no new accounts here")],
)
def test_who_cannot_sign_up_is_told_who_can_let_them_in(
    mode: str, words: bytes, settings: Settings
) -> None:
    link = fresh_link()
    settings.SIGN_UP = mode
    for path in (SIGN_UP, link):
        page = Client().get(path)
        assert page.status_code == 200
        assert words in page.content
        assert Client().post(path, {"email": "new@example.org"}).status_code == 403
    assert not User.objects.filter(email="new@example.org").exists()
    assert b"Make an account" not in Client().get("/sign-in/").content


def test_the_sign_in_page_offers_it() -> None:
    assert b'href="/sign-up/"' in Client().get("/sign-in/").content


def test_an_address_that_cannot_be_written_to_is_refused() -> None:
    response = ask(f"a@{'x' * 64}.org")
    assert response.status_code == 422
    assert MailedLink.objects.count() == 0


def test_a_user_who_is_signed_in_becomes_the_new_one(world: World) -> None:
    client = client_of(world.owner)
    client.post(fresh_link())
    assert client.session[SESSION_KEY] == str(User.objects.get(email="new@example.org").pk)


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_the_same_time_one_gets_in() -> None:
    link, statuses = fresh_link(), list[int]()

    def click() -> None:
        statuses.append(Client().post(link).status_code)
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302, 410]
    assert User.objects.filter(email="new@example.org").count() == 1
