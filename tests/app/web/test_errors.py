"""Error pages help, and every page carries the policy."""

import re

import pytest
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret detail")


pytestmark = pytest.mark.django_db
urlpatterns = [path("broken/", broken)]


def test_every_page_forbids_what_is_not_ours() -> None:
    policy = Client().get("/sign-in/")["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_not_found_says_what_may_be_the_reason() -> None:
    response = Client().get("/nothing/")
    assert response.status_code == 404
    assert b"belongs to a project that you are not a member of" in response.content


@pytest.mark.urls("tests.app.web.test_errors")
def test_our_own_mistake_is_said_without_details() -> None:
    client = Client(raise_request_exception=False)
    response = client.get("/broken/")
    assert response.status_code == 500
    assert b"This went wrong on our side" in response.content
    assert b"secret detail" not in response.content


def test_a_form_without_its_token_is_refused_with_help() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/sign-in/", {"email": "a@example.org"})
    assert response.status_code == 403
    assert b"nothing was changed" in response.content


def refused(page: dict[str, str] | None = None, **headers: str) -> str:
    """Return the answer to a form whose page came and went with these headers."""
    client = Client(enforce_csrf_checks=True)
    shown = client.get("/sign-in/", headers=page or {})
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown.content.decode())
    fields = {"email": "a@example.org", "csrfmiddlewaretoken": found[1] if found else ""}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.post("/sign-in/", fields, headers=named)
    assert response.status_code == 403
    return response.content.decode()


def test_a_proxy_that_speaks_https_while_the_setting_says_http_is_named() -> None:
    text = refused(origin="https://localhost:8000", host="localhost:8000")
    assert "Set <code>SITE_ROOT=https://localhost:8000</code>" in text
    assert "X-Forwarded-Proto: https" in text


def test_a_proxy_that_hides_the_host_is_named() -> None:
    text = refused(origin="http://still.example.org", host="localhost")
    assert "Set <code>SITE_ROOT=http://still.example.org</code>" in text
    assert "(it was <code>localhost</code>)" in text


def test_a_page_that_was_opened_by_http_on_an_https_site_is_named(
    settings: Settings,
) -> None:
    settings.SITE_ROOT = "https://localhost"
    settings.CSRF_TRUSTED_ORIGINS = ["https://localhost"]
    text = refused(origin="http://localhost", x_forwarded_proto="https", host="localhost")
    assert "Open the pages at <code>https://localhost</code>" in text


def test_a_browser_that_hides_where_it_is_is_named(settings: Settings) -> None:
    assert "does not say from which page" in refused(origin="null", host="localhost")
    # Over https and without Origin, Django asks for the Referer.
    assert "does not say from which page" in refused(x_forwarded_proto="https", host="localhost")


def test_a_browser_without_cookies_is_named() -> None:
    client = Client(enforce_csrf_checks=True)
    fields, headers = {"email": "a@example.org"}, {"host": "localhost:8000"}
    page = client.post("/sign-in/", fields, headers=headers).content.decode()
    assert "Your browser sent no cookie" in page
    assert "<code>localhost:8000</code>" in page


def test_an_old_page_is_to_be_loaded_again() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/sign-in/")
    page = client.post("/sign-in/", {"csrfmiddlewaretoken": "x" * 64}).content.decode()
    assert "reload it and send the form again" in page
    assert "If you run this server" not in page


def test_a_proxy_that_keeps_https_to_itself_is_named_instead_of_a_circle(
    settings: Settings,
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["still.example.org"]
    browser = {"host": "still.example.org", "sec-fetch-dest": "document"}
    response = Client().get("/sign-in/", headers=browser)
    assert response.status_code == 400
    assert b"X-Forwarded-Proto: https" in response.content
    assert response["Content-Security-Policy"] == "default-src 'none'"
    told = Client().get("/sign-in/", headers={**browser, "x-forwarded-proto": "https"})
    assert told.status_code == 200


def test_who_really_comes_by_http_is_sent_to_https(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["still.example.org", "localhost"]
    plain = {"host": "still.example.org"}
    assert Client().get("/sign-in/", headers=plain).status_code == 301
    local = {"host": "localhost:8000", "sec-fetch-dest": "document"}
    assert Client().get("/sign-in/", headers=local).status_code == 301


def test_a_form_that_is_too_large_says_how_much_fits() -> None:
    response = Client().post("/sign-in/", {"email": "x" * 2**20 * 2, "password": "y"})
    assert response.status_code == 413
    assert b"takes 1024 KiB at a time" in response.content


def test_a_form_with_too_many_fields_is_too_large() -> None:
    response = Client().post("/sign-in/", {f"f{n}": "" for n in range(1001)})
    assert response.status_code == 413


def test_a_foreign_host_name_is_answered_with_the_setting_that_is_wrong() -> None:
    response = Client().get("/sign-in/", headers={"host": "still.example.org"})
    assert response.status_code == 400
    assert b"It was asked as <code>still.example.org</code>" in response.content
    assert b"set <code>SITE_ROOT</code> to the address that people use" in response.content


def test_a_bad_request_can_be_shown_without_a_request() -> None:
    assert "SITE_ROOT" in render_to_string("400.html")


@pytest.mark.parametrize("name", ["400", "403", "404", "413", "500", "503"])
def test_an_error_page_needs_no_database_and_no_request(
    name: str, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.block():
        text = render_to_string(f"{name}.html")
    assert f">{name}</p>" in text
    assert "Go to your checks" in text
