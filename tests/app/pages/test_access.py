"""Every address of the pages, as everybody who may come by."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import URLPattern, reverse

from app.alerts.models import Channel
from app.checks.models import Check
from app.pages import channels, check_delete, check_details, check_edit
from app.urls import urlpatterns
from tests.app.pages.world import World, client_of, form_of_check

PUBLIC = {"sign_in", "sign_in_mail", "sign_in_link", "sign_out", "unsubscribe"}
OWN = {"home", "projects", "project_add"}  # of whoever comes
POST_ONLY = {"check_pause", "check_resume", "channel_test", "channel_enable"}
READ = {"project", "checks", "check", "ping_body", "ping", "first_ping", "channels"}
NAMES = [pattern.name for pattern in urlpatterns if pattern.name]
PROTECTED = [name for name in NAMES if name not in PUBLIC]
OF_A_PROJECT = [name for name in PROTECTED if name not in OWN]
WRITE = [name for name in OF_A_PROJECT if name not in READ]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for an address, as the method that it is meant for."""

    name: str

    def by(self, client: Client, world: World, method: str = "") -> int:
        method = method or ("post" if self.name in POST_ONLY | {"project_add"} else "get")
        return int(getattr(client, method)(self.path(world)).status_code)

    def path(self, world: World) -> str:
        pattern = next(pattern for pattern in urlpatterns if pattern.name == self.name)
        code = world.channel.code if self.name.startswith("channel_") else world.check.code
        known = {"project": world.project.code, "code": code, "n": 1, "kind": "email"}
        return reverse(self.name, kwargs={key: known[key] for key in _arguments(pattern)})


def _arguments(pattern: URLPattern) -> list[str]:
    return list(pattern.pattern.converters)


def test_every_address_has_a_name_and_is_in_one_of_the_groups() -> None:
    assert len(NAMES) == len(urlpatterns)
    assert set(NAMES) >= PUBLIC | OWN | READ | POST_ONLY


@pytest.mark.parametrize("name", PROTECTED)
def test_who_is_signed_out_is_sent_to_the_sign_in_page(name: str, world: World) -> None:
    response = getattr(client_of(None), "post" if name in POST_ONLY | {"project_add"} else "get")(
        Visit(name).path(world)
    )
    assert response.status_code == 302
    assert response["Location"].startswith(f"{reverse('sign_in')}?next=")


@pytest.mark.parametrize("name", OF_A_PROJECT)
def test_a_stranger_is_told_that_there_is_nothing(name: str, world: World) -> None:
    stranger = client_of(world.stranger)
    assert Visit(name).by(stranger, world) == 404
    if name not in READ:
        assert Visit(name).by(stranger, world, "post") == 404


@pytest.mark.parametrize("name", sorted(READ))
def test_a_read_only_member_may_look(name: str, world: World) -> None:
    assert Visit(name).by(client_of(world.reader), world) == 200


@pytest.mark.parametrize("name", WRITE)
def test_a_read_only_member_may_not_change_anything(name: str, world: World) -> None:
    reader = client_of(world.reader)
    assert Visit(name).by(reader, world, "post") == 403
    if name not in POST_ONLY:
        assert Visit(name).by(reader, world) == 403


@pytest.mark.parametrize("name", OF_A_PROJECT)
def test_the_owner_may_do_everything(name: str, world: World) -> None:
    assert Visit(name).by(client_of(world.owner), world) in (200, 302)


@pytest.mark.parametrize("name", sorted(POST_ONLY | {"project_add", "sign_out", "sign_in_mail"}))
def test_a_link_changes_nothing(name: str, world: World) -> None:
    assert Visit(name).by(client_of(world.owner), world, "get") == 405


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
    form = {"to": "ops@example.org", "on_up": "on"} if kind == "channel" else form_of_check()
    response = client_of(world.owner).post(Visit(name).path(world), form)
    assert response.status_code == 404
    assert not (Check if kind == "check" else Channel).objects.exists()


def test_a_read_only_member_is_told_whom_to_ask_and_sees_no_buttons(world: World) -> None:
    reader = client_of(world.reader)
    refused = reader.get(reverse("check_edit", args=[world.check.code]))
    assert "Ask its owner for the role of a member" in refused.content.decode()
    details = reader.get(reverse("check", args=[world.check.code])).content.decode()
    assert "Pause" not in details
    assert "Delete" not in details
