"""Every address of the pages, as everybody who may come by."""

from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpRequest
from django.urls import reverse
from pytest_django import Settings

from app.alerts.models import Channel
from app.checks.models import Check
from app.pages import channels, check_delete, check_details, check_edit
from app.urls import urlpatterns
from tests.app.pages.addresses import TABLE, Actor, Address, rows
from tests.app.pages.world import World, client_of

VISITS = [
    pytest.param(address, method, actor, id=f"{address.name}-{method}-{actor.name.lower()}")
    for address in TABLE
    for method in ("get", "post")
    for actor in Actor
]


@pytest.fixture(autouse=True)
def open_for_all(settings: Settings) -> None:
    settings.SIGN_UP = "open"


def test_every_address_is_in_the_table_once() -> None:
    names = sorted(str(pattern.name) for pattern in urlpatterns)
    assert sorted(address.name for address in TABLE) == names


@pytest.mark.parametrize(("address", "method", "actor"), VISITS)
def test_everybody_may_do_what_their_role_may_and_nothing_else(
    address: Address, method: str, actor: Actor, world: World
) -> None:
    path, form, client = address.path(world), address.typed(world), client_of(actor.user(world))
    before = rows()
    response = getattr(client, method)(path, form if method == "post" else None)
    assert response.status_code == address.status(method, actor)
    is_allowed = address.allows(method, actor)
    if actor is Actor.SIGNED_OUT and response.status_code == 302 and not is_allowed:
        assert response["Location"] == f"{reverse('sign_in')}?next={path}"
    if method == "get" or not is_allowed:
        assert rows() == before


def test_the_digest_of_all_rows_notices_a_change(world: World) -> None:
    before = rows()
    world.channel.checks.clear()
    changed = {name for name, digest in rows().items() if digest != before[name]}
    assert changed == {"Channel_checks"}


VERBS: dict[str, ModuleType] = {
    "check_edit": check_edit,
    "check_pause": check_details,
    "check_resume": check_details,
    "check_delete": check_delete,
    "channel_edit": channels,
    "channel_test": channels,
    "channel_enable": channels,
    "channel_delete": channels,
}


@pytest.mark.parametrize("name", VERBS)
def test_who_comes_a_moment_after_a_deletion_is_told_that_there_is_nothing(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab deletes the row between its being opened and its verb."""
    kind = name.partition("_")[0]
    open_row = getattr(VERBS[name], f"open_{kind}")

    def open_then_delete(request: HttpRequest, code: UUID) -> Any:
        opened = open_row(request, code)
        if kind == "check":
            Check.objects.get().erase()
        else:
            Channel.objects.get().delete()
        return opened

    monkeypatch.setattr(VERBS[name], f"open_{kind}", open_then_delete)
    (address,) = [address for address in TABLE if address.name == name]
    response = client_of(world.owner).post(address.path(world), address.typed(world))
    assert response.status_code == 404
    assert not (Check if kind == "check" else Channel).objects.exists()


def test_a_read_only_member_is_told_whom_to_ask_and_sees_no_buttons(world: World) -> None:
    reader = client_of(world.reader)
    refused = reader.get(reverse("check_edit", args=[world.check.code]))
    assert "Ask its owner for the role of a member" in refused.content.decode()
    details = reader.get(reverse("check", args=[world.check.code])).content.decode()
    assert "Pause" not in details
    assert "Delete" not in details
