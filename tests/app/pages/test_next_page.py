"""Where a form leads when it is done."""

import pytest
from django.test import RequestFactory

from app.pages.next_page import own_path


@pytest.mark.parametrize(
    ("said", "goal"),
    [
        ("/projects/1/checks/?state=down&page=2", "/projects/1/checks/?state=down&page=2"),
        ("", "/otherwise/"),
        ("https://evil.example.org/", "/otherwise/"),
        ("//evil.example.org/", "/otherwise/"),
        ("/\\evil.example.org/", "/otherwise/"),
        ("javascript:alert(1)", "/otherwise/"),
        ("checks/", "/otherwise/"),
    ],
)
def test_only_a_path_of_ours_is_followed(said: str, goal: str) -> None:
    request = RequestFactory().post("/", {"next": said})
    assert own_path(request, "/otherwise/") == goal
