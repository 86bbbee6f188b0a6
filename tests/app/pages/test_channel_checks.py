"""Which checks a channel tells of, chosen on its own page."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from app.alerts.models import Channel
from app.checks.models import Check
from app.pages import channel_checks
from tests.app.pages.world import Answer, World


def form_page(client: Client, world: World) -> str:
    return client.get(reverse("channel_edit", args=[world.channel.code])).content.decode()


def save(client: Client, world: World, checks: object) -> Answer:
    fields = {"to": "owner@example.org", "on_down": "on", "checks": checks}
    return client.post(reverse("channel_edit", args=[world.channel.code]), fields)


def told(world: World) -> set[str]:
    return set(world.channel.checks.values_list("name", flat=True))


@pytest.fixture
def second(world: World) -> Check:
    return Check.objects.create(project=world.project, name="second", tags="prod db")


def test_each_check_has_a_box(owner: Client, world: World, second: Check) -> None:
    page = form_page(owner, world)
    assert page.count('name="checks"') == 2
    assert f'value="{world.check.pk}" id="id_checks_0" checked' in page
    assert save(owner, world, [second.pk]).status_code == 302
    assert told(world) == {"second"}
    save(owner, world, [])
    assert told(world) == set()


def test_a_check_of_another_project_cannot_be_chosen(owner: Client, world: World) -> None:
    foreign = Check.objects.create(project=world.stranger.memberships.get().project, name="foreign")
    assert save(owner, world, [foreign.pk]).status_code == 422
    assert save(owner, world, [10**30]).status_code == 422
    assert told(world) == {"nightly dump"}


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("keep", {"nightly dump"}),
        ("all", {"nightly dump", "second"}),
        ("none", set()),
        ("tag:prod", {"second"}),
    ],
)
def test_many_checks_are_chosen_in_groups(
    choice: str,
    names: set[str],
    owner: Client,
    world: World,
    second: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel_checks, "MOST_BOXES", 1)
    page = form_page(owner, world)
    assert "As it is: 1 of 2 checks" in page
    assert "Those with the tag db, and no others" in page
    assert save(owner, world, choice).status_code == 302
    assert told(world) == names


def test_an_unknown_tag_is_refused(
    owner: Client, world: World, second: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_checks, "MOST_BOXES", 1)
    assert save(owner, world, "tag:other").status_code == 422


def test_a_check_that_is_deleted_meanwhile_is_left_out(
    owner: Client, world: World, second: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = channel_checks.change

    def delete_then_change(channel: Channel, chosen: object) -> channel_checks.Change:
        Check.objects.filter(name="second").delete()
        return change(channel, chosen)

    monkeypatch.setattr(channel_checks, "change", delete_then_change)
    assert save(owner, world, [world.check.pk, second.pk]).status_code == 302
    assert told(world) == {"nightly dump"}


def test_checks_are_locked_before_the_channel(owner: Client, world: World, second: Check) -> None:
    """Who edits a check locks in this order; else the two wait for each other."""
    if not connection.features.has_select_for_no_key_update:
        pytest.skip("this database has no locks of rows")
    with CaptureQueriesContext(connection) as queries:
        save(owner, world, [second.pk])
    locks = [query["sql"] for query in queries if query["sql"].endswith(" FOR NO KEY UPDATE")]
    tables = [sql.partition(' FROM "')[2].partition('"')[0] for sql in locks]
    assert tables == ["checks_check", "alerts_channel"]
