"""A user, a project and its keys, made once."""

from datetime import UTC, datetime

import pytest

from app.accounts import keys
from app.accounts.models import ApiKey, Member, Project, Role, User
from app.alerts.models import Channel
from app.checks.models import DirectoryCounter
from app.run.bootstrap import bootstrap

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_a_new_user_owns_a_new_project_with_keys() -> None:
    access = bootstrap("ada@example.org", "Jobs", NOW)
    member = Member.objects.get()
    assert (member.user.email, member.role) == ("ada@example.org", Role.OWNER)
    assert (member.project.name, member.project.code) == ("Jobs", access.project)
    assert not member.user.has_usable_password()
    assert access.ping_url == f"{access.base_url}/ping/"


def test_keys_are_kept_as_digests() -> None:
    access = bootstrap("ada@example.org", "Jobs", NOW)
    assert access.api_key is not None
    assert access.api_key_readonly is not None
    assert access.ping_key is not None
    assert (
        Project.objects.filter(ping_key_digest=keys.digest(access.ping_key)).get().code
        == access.project
    )
    assert {(key.kind, key.digest) for key in ApiKey.objects.all()} == {
        ("rw", keys.digest(access.api_key)),
        ("ro", keys.digest(access.api_key_readonly)),
    }


def test_its_alerts_go_to_the_owner() -> None:
    bootstrap("ada@example.org", "Jobs", NOW)
    channel = Channel.objects.get()
    assert (channel.kind, channel.target) == (Channel.Kind.EMAIL, "ada@example.org")


def test_a_second_call_gives_the_same_without_keys() -> None:
    first = bootstrap("ada@example.org", "Jobs", NOW)
    second = bootstrap("ADA@example.org", "Jobs", NOW)
    assert second.project == first.project
    assert (second.api_key, second.api_key_readonly, second.ping_key) == (None, None, None)
    counts = [model.objects.count() for model in (User, Project, Member, Channel)]
    assert counts == [1, 1, 1, 1]


def test_another_name_is_another_project_of_the_same_user() -> None:
    first = bootstrap("ada@example.org", "Jobs", NOW)
    second = bootstrap("ada@example.org", "Other jobs", NOW)
    assert first.project != second.project
    assert second.api_key is not None
    assert User.objects.count() == 1


def test_the_same_name_of_another_user_is_another_project() -> None:
    first = bootstrap("ada@example.org", "Jobs", NOW)
    second = bootstrap("bob@example.org", "Jobs", NOW)
    assert first.project != second.project


def test_new_keys_replace_the_old_ones() -> None:
    first = bootstrap("ada@example.org", "Jobs", NOW)
    second = bootstrap("ada@example.org", "Jobs", NOW, new_keys=True)
    assert second.project == first.project
    assert second.api_key
    assert second.api_key != first.api_key
    assert second.ping_key is not None
    assert not Project.objects.filter(ping_key_digest=keys.digest(first.ping_key or "")).exists()
    assert Project.objects.filter(ping_key_digest=keys.digest(second.ping_key)).exists()
    revoked = ApiKey.objects.filter(revoked_at=NOW)
    assert {key.digest for key in revoked} == {
        keys.digest(first.api_key or ""),
        keys.digest(first.api_key_readonly or ""),
    }
    assert ApiKey.objects.filter(revoked_at__isnull=True).count() == 2


def test_receivers_learn_a_new_ping_key() -> None:
    bootstrap("ada@example.org", "Jobs", NOW)
    project = Project.objects.get()
    before = project.directory_change
    assert before == DirectoryCounter.objects.get().value > 0
    bootstrap("ada@example.org", "Jobs", NOW)
    project.refresh_from_db()
    assert project.directory_change == before
    bootstrap("ada@example.org", "Jobs", NOW, new_keys=True)
    project.refresh_from_db()
    assert project.directory_change > before
