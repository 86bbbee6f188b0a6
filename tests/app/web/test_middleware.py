"""What every answer of the pages carries."""

import gzip
from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from app.web.middleware import reload_to_sign_in


def answer(location: str) -> Callable[[HttpRequest], HttpResponse]:
    return lambda _: HttpResponse(status=302, headers={"Location": location})


def test_a_part_of_a_page_whose_session_has_ended_loads_the_page_again() -> None:
    request = RequestFactory().get("/", headers={"HX-Request": "true"})
    response = reload_to_sign_in(answer("/sign-in/?next=/"))(request)
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")


def test_other_redirects_stay_what_they_are() -> None:
    request = RequestFactory().get("/", headers={"HX-Request": "true"})
    assert reload_to_sign_in(answer("/projects/"))(request)["Location"] == "/projects/"
    page = RequestFactory().get("/")
    assert reload_to_sign_in(answer("/sign-in/"))(page)["Location"] == "/sign-in/"


@pytest.mark.parametrize("path", ["web/app.css", "web/mark-down.svg", "django_htmx/htmx-2.min.js"])
def test_a_file_is_compressed_and_not_sent_twice(path: str) -> None:
    first = Client().get(f"/static/{path}", headers={"Accept-Encoding": "gzip"})
    body = first.getvalue()
    # Up to 100 bytes of the answer are there for no reader: Django hides its length with them.
    assert len(gzip.decompress(body)) > len(body) - 100 > 0
    assert first["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in first["Vary"]
    headers = {"Accept-Encoding": "gzip", "If-None-Match": first["ETag"]}
    again = Client().get(f"/static/{path}", headers=headers)
    assert (again.status_code, again.getvalue()) == (304, b"")


def test_who_takes_no_gzip_gets_none() -> None:
    response = Client().get("/static/web/mark.svg")
    assert "Content-Encoding" not in response.headers
    assert response.getvalue().startswith(b"<svg")
