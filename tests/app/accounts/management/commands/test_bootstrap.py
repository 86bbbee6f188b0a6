"""`manage.py bootstrap`: what it prints, and what it refuses."""

import json
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from app.accounts.models import Project, User

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    printed = StringIO()
    call_command("bootstrap", *arguments, stdout=printed)
    return printed.getvalue()


def run_json(*arguments: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(run("--json", *arguments))
    return values


def test_it_prints_what_a_program_needs() -> None:
    values = run_json("--email", "ada@example.org", "--project", "Jobs")
    assert list(values) == [
        "base_url",
        "ping_url",
        "project",
        "api_key",
        "api_key_readonly",
        "ping_key",
    ]
    assert values["base_url"] == settings.SITE_ROOT
    assert values["ping_url"] == f"{settings.SITE_ROOT}/ping/"
    assert values["project"] == str(Project.objects.get().code)
    assert values["api_key"].startswith("shw_")
    assert values["api_key_readonly"].startswith("shr_")
    assert len(values["ping_key"]) == 22


def test_a_second_call_has_null_for_the_keys() -> None:
    first = run_json("--email", "ada@example.org")
    assert run_json("--email", "ada@example.org") == first | {
        "api_key": None,
        "api_key_readonly": None,
        "ping_key": None,
    }


def test_new_keys_are_shown() -> None:
    first = run_json("--email", "ada@example.org")
    second = run_json("--email", "ada@example.org", "--new-keys")
    assert second["ping_key"] not in (None, first["ping_key"])


def test_a_person_reads_text() -> None:
    first = run("--email", "ada@example.org").splitlines()
    assert first[0].split() == ["base_url", settings.SITE_ROOT]
    second = run("--email", "ada@example.org")
    assert "shown before" in second
    assert "--new-keys" in second


@pytest.mark.parametrize("email", ["ada", "ada@", "a da@example.org", ""])
def test_a_bad_address_is_refused(email: str) -> None:
    with pytest.raises(CommandError, match="is not an e-mail address"):
        run("--email", email)
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="1 to 100 characters"):
        run("--email", "ada@example.org", "--project", name)


def test_an_unprepared_database_is_named_as_such() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'alerts'")
    with pytest.raises(CommandError, match=r"manage\.py migrate"):
        run("--email", "ada@example.org")
