"""Error pages help, and every page carries the policy."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import path

from app.web.errors import csrf_failure


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


def test_behind_a_proxy_the_wrong_setting_is_named() -> None:
    request = RequestFactory().post("/sign-in/", HTTP_ORIGIN="https://still.example.org")
    page = csrf_failure(request, "Origin checking failed.").content.decode()
    assert "https://still.example.org" in page
    assert "<code>SITE_ROOT</code> is <code>http://localhost:8000</code>" in page


def test_a_foreign_host_name_is_answered_with_the_setting_that_is_wrong() -> None:
    response = Client().get("/sign-in/", headers={"host": "still.example.org"})
    assert response.status_code == 400
    assert b"Set <code>SITE_ROOT</code> to the address that people use" in response.content


def test_a_bad_request_can_be_shown_without_a_request() -> None:
    assert "SITE_ROOT" in render_to_string("400.html")
