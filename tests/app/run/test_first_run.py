"""What somebody finds who starts the service for the first time."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from app.accounts.models import MailedLink, Project, User
from app.checks.models import Check
from app.run.first_run import found_first, greeting

NOW = datetime.now(UTC)
pytestmark = pytest.mark.django_db


def test_an_empty_database_gets_a_user_a_project_and_a_check_that_alerts() -> None:
    found_first("you@localhost")
    check = Check.objects.visible_to(User.objects.get()).get()
    assert [channel.target for channel in check.channels.all()] == ["you@localhost"]


def test_a_database_with_a_user_is_left_alone() -> None:
    User.objects.create_user("ada@example.org")
    found_first("you@localhost")
    assert User.objects.get().email == "ada@example.org"
    assert not Project.objects.exists()


def test_the_greeting_has_one_link_and_one_command() -> None:
    found_first("you@localhost")
    said = greeting(NOW)
    assert said.count("/sign-in/link/") == 1
    assert f"    curl -fsS {Check.objects.get().ping_url}" in said.splitlines()


def test_the_link_signs_in() -> None:
    found_first("you@localhost")
    [path] = re.findall(r"http://[^/]+(/sign-in/link/\S+)", greeting(NOW))
    client = Client()
    client.post(path)
    user = User.objects.get()
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.last_login is not None


def test_a_new_link_is_made_until_somebody_has_signed_in() -> None:
    found_first("you@localhost")
    assert greeting(NOW) != greeting(NOW)
    User.objects.update(last_login=NOW)
    links = MailedLink.objects.count()
    assert "/sign-in/link/" not in greeting(NOW)
    assert "curl" not in greeting(NOW)
    assert MailedLink.objects.count() == links


def test_a_user_without_a_check_is_told_of_no_command() -> None:
    User.objects.create_user("ada@example.org")
    assert "/sign-in/link/" in greeting(NOW)
    assert "curl" not in greeting(NOW)
