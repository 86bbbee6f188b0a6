"""The keys of a project."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from app.accounts import keys
from app.accounts.models import ApiKey, Project
from app.pings.directory import Directory
from app.pings.directory_feed import changes_since, newest
from app.pings.protocol import Slug
from tests.app.pages.world import Answer, World

KINDS = ("read-write", "read-only", "ping")


def path(world: World, kind: str, name: str = "key") -> str:
    return reverse(name, args=[world.project.code, kind])


def make(client: Client, world: World, kind: str) -> tuple[Answer, str]:
    """Do what a browser does: open the page, send its form. Return the answer and its key."""
    page = client.get(path(world, kind)).content.decode()
    state = re.search(r'name="state" value="([^"]*)"', page)
    assert state is not None
    response = client.post(path(world, kind), {"state": state[1]})
    return response, key_in(response)


def key_in(response: Answer) -> str:
    found = re.search(r'aria-label="The key">([a-z0-9_]+)<', response.content.decode())
    return found[1] if found else ""


def is_alive(world: World, kind: str, key: str) -> bool:
    if kind == "ping":
        return Project.objects.filter(ping_key_digest=keys.digest(key)).exists()
    return ApiKey.objects.filter(digest=keys.digest(key), revoked_at=None).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_shown_once_in_the_answer_that_makes_it(
    kind: str, world: World, owner: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    response, key = make(owner, world, kind)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert is_alive(world, kind, key)
    later = [owner.get(path(world, kind)), owner.get(reverse("project", args=[world.project.code]))]
    for page in later:
        assert key not in page.content.decode()
        assert key not in str(page.headers)
    assert key not in str(list(owner.session.items()))
    assert key not in caplog.text
    rows = [*Project.objects.values_list(), *ApiKey.objects.values_list()]
    assert key not in str(rows)
    assert key[:4] in later[1].content.decode()


def test_a_new_ping_key_says_how_jobs_make_checks(world: World, owner: Client) -> None:
    response, key = make(owner, world, "ping")
    assert f"/ping/{key}/" in response.content.decode()
    assert "?create=1" in response.content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_replacing_ends_the_older_key(kind: str, world: World, owner: Client) -> None:
    _, old = make(owner, world, kind)
    assert "the old one stops at once" in owner.get(path(world, kind)).content.decode()
    _, new = make(owner, world, kind)
    assert old != new
    assert not is_alive(world, kind, old)
    assert is_alive(world, kind, new)


@pytest.mark.parametrize("kind", KINDS)
def test_revoking_leaves_none(kind: str, world: World, owner: Client) -> None:
    _, key = make(owner, world, kind)
    page = owner.post(path(world, kind, "key_revoke"), follow=True).content.decode()
    assert "revoked." in page
    assert not is_alive(world, kind, key)


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_sent_again_does_not_end_the_key_that_it_made(
    kind: str, world: World, owner: Client
) -> None:
    first = owner.post(path(world, kind), {"state": ""})
    again = owner.post(path(world, kind), {"state": ""})
    assert again.status_code == 302
    assert is_alive(world, kind, key_in(first))


@pytest.mark.parametrize("name", ["key", "key_revoke"])
@pytest.mark.parametrize("kind", ["rw", "owner"])
def test_there_are_no_other_kinds(kind: str, name: str, world: World, owner: Client) -> None:
    assert owner.post(path(world, kind, name)).status_code == 404


def test_receivers_hear_of_every_change_of_the_ping_key(world: World, owner: Client) -> None:
    directory, slug = Directory(), world.check.slug
    directory.apply(changes_since(-1))
    known = []
    for _ in range(2):
        before = newest()
        _, key = make(owner, world, "ping")
        directory.apply(changes_since(before))
        known.append(keys.digest(key))
    assert [directory.find(Slug(digest, slug))[0] for digest in known] == ["no", "yes"]
    before = newest()
    owner.post(path(world, "ping", "key_revoke"))
    directory.apply(changes_since(before))
    assert directory.find(Slug(known[1], slug))[0] == "no"
