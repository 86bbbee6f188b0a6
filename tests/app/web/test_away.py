"""The database is away, or takes no changes: a request is tried again, or the page says so."""

import html
import logging
import re
from collections.abc import Iterator
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings

from app.accounts.models import User
from app.urls import handler400, handler500
from app.urls import urlpatterns as known
from tests.app.pages.world import Answer

__all__ = ["handler400", "handler500"]
pytestmark = pytest.mark.django_db(transaction=True)
trouble: list[str] = []  # what happens to the connection, once each, when a view says so


def strike(when: str) -> None:
    """Have this connection refuse changes, as one to a demoted primary does."""
    if when not in trouble:
        return
    trouble.remove(when)
    connection.ensure_connection()
    is_sqlite = connection.vendor == "sqlite"
    # Past Django's cursor, which would note it as something done.
    cursor = connection.connection.cursor()
    cursor.execute(
        f"{'PRAGMA query_only' if is_sqlite else 'SET default_transaction_read_only'}=on"
    )
    cursor.close()


def save(request: HttpRequest) -> HttpResponse:
    """Save what was sent. `first`: nothing before it; `asks`: a question; `twice`: another save."""
    how = request.GET["how"]
    strike("at once")
    if how == "asks":
        User.objects.count()
    if how == "twice":
        User.objects.create_user("before@example.org")
    strike("later")
    User.objects.create_user(f"{how}@example.org")
    return HttpResponse("saved")


def remember(request: HttpRequest) -> HttpResponse:
    """Change the session, which is saved when the view has answered."""
    request.session["seen"] = User.objects.count()
    strike("later")
    return HttpResponse("remembered")


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a mistake of ours")


urlpatterns = [
    *known,
    path("save/", save),
    path("remember/", remember),
    path("broken/", broken),
]


@pytest.fixture(autouse=True)
def own_addresses(settings: Settings) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    trouble.clear()
    yield
    connection.close()  # what a test has made of it


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[None]:
    """Let the database be where nobody answers."""
    known = dict(connection.settings_dict)
    connection.close()
    away = str(tmp_path / "away")
    connection.settings_dict |= {"NAME": away} if connection.vendor == "sqlite" else {"HOST": away}
    (tmp_path / "away").mkdir()
    yield
    connection.close()
    connection.settings_dict |= known


def said(response: Answer) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def saved() -> list[str]:
    return sorted(User.objects.values_list("email", flat=True))


@pytest.mark.parametrize(("how", "when"), [("first", "at once"), ("asks", "later")])
def test_what_only_reads_is_tried_again(client: Client, how: str, when: str) -> None:
    trouble.append(when)
    response = client.get(f"/save/?how={how}")
    assert (response.status_code, response.content) == (200, b"saved")
    assert saved() == [f"{how}@example.org"]


def test_a_form_is_tried_again_when_nothing_of_it_was_done(client: Client) -> None:
    trouble.append("at once")
    response = client.post("/save/?how=first", {"name": "x"})
    assert (response.status_code, response.content) == (200, b"saved")
    assert saved() == ["first@example.org"]


def test_it_is_tried_again_once(client: Client) -> None:
    trouble.extend(["at once", "at once"])
    response = client.get("/save/?how=first")
    assert response.status_code == 503
    assert (saved(), trouble) == ([], [])


def test_a_form_that_had_begun_is_not_tried_again(client: Client) -> None:
    trouble.append("later")
    response = client.post("/save/?how=asks", {"name": '"nightly" <dump>', "tag": ["a", "b"]})
    assert response.status_code == 503
    assert saved() == []
    assert "Nothing was saved yet" in said(response)
    fields = re.findall(r'name="(\w+)" value="(.*?)"', response.content.decode())
    sent = [(name, html.unescape(value)) for name, value in fields]
    assert sent == [("name", '"nightly" <dump>'), ("tag", "a"), ("tag", "b")]
    assert 'method="post" action="/save/?how=asks"' in response.content.decode()
    # What it would do by itself is lose the form.
    assert "Refresh" not in response.headers
    assert response["Retry-After"] == "5"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_a_password_is_in_no_page(client: Client) -> None:
    trouble.append("later")
    response = client.post("/save/?how=asks", {"email": "a@example.org", "password": "battery"})
    assert response.status_code == 503
    assert b"battery" not in response.content
    assert "go back, and send it again" in said(response)


def test_a_strangers_form_is_not_offered_again() -> None:
    trouble.append("later")
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    response = client.post("/save/?how=asks", {"name": "forged"})
    assert (response.status_code, b"forged" in response.content) == (403, False)


def test_who_may_have_saved_something_is_told_to_look(client: Client) -> None:
    trouble.append("later")
    response = client.post("/save/?how=twice", {"name": "x"})
    assert response.status_code == 503
    assert saved() == ["before@example.org"]
    assert "This may have been saved, or not" in said(response)
    assert b'name="name"' not in response.content


def test_a_session_that_cannot_be_saved_is_no_bad_request(client: Client) -> None:
    user = User.objects.create_user("a@example.org")
    client.force_login(user)
    trouble.append("later")
    response = client.post("/remember/")
    assert response.status_code == 503
    trouble.append("later")
    assert client.get("/remember/").content == b"remembered"
    assert client.session["seen"] == 1


@pytest.mark.usefixtures("nowhere")
def test_a_page_whose_database_is_away_comes_back_by_itself(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/save/?how=asks")
    assert response.status_code == 503
    assert response["Refresh"] == response["Retry-After"] == "5"
    assert response["Cache-Control"] == "no-store"
    assert "The page tries again by itself every 5 seconds" in said(response)
    assert 'href="/save/?how=asks"' in response.content.decode()
    (line,) = [one for one in caplog.records if one.name == "app.web.away"]
    assert (line.levelno, "method=GET reason=" in line.getMessage()) == (logging.WARNING, True)
    assert "/save/" not in line.getMessage()


@pytest.mark.usefixtures("nowhere")
def test_a_database_that_is_away_is_no_error_of_the_log(client: Client) -> None:
    heard: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logger, handler = logging.getLogger("django.request"), QueueHandler(heard)
    logger.addHandler(handler)
    try:
        client.get("/save/?how=asks")
        client.post("/save/?how=asks")
        assert heard.empty()
        assert client.get("/broken/").status_code == 500
        assert heard.get_nowait().levelname == "ERROR"
    finally:
        logger.removeHandler(handler)


def test_what_the_database_refuses_for_another_reason_stays_a_mistake(client: Client) -> None:
    User.objects.create_user("first@example.org")
    assert client.post("/save/?how=first").status_code == 500
