"""What load balancers ask the pages."""

from django.test import Client


def test_the_pages_say_that_they_answer_without_the_database() -> None:
    """No mark django_db: a query would fail the test."""
    answer = Client().get("/-/pages")
    assert (answer.status_code, answer.content) == (200, b"pages")
    assert "no-store" in answer["Cache-Control"]
