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
from tests.app.pages.addresses import (
    Actor,
    Address,
    of_channel,
    of_check,
    of_disabled_channel,
    of_email_link,
    of_invitation,
    of_invitation_token,
    of_nothing,
    of_other_member,
    of_ping,
    of_sign_in_link,
    of_sign_up_link,
    of_unsubscribe_link,
    rows,
    with_more,
)
from tests.app.pages.world import PASSWORD, World, client_of, form_of_check

ANYBODY, SIGNED_IN = Actor.SIGNED_OUT, Actor.STRANGER
READ_ONLY, MEMBER, MANAGER, OWNER = Actor.READ_ONLY, Actor.MEMBER, Actor.MANAGER, Actor.OWNER

NEW = {"email": "new@example.org"}
PASSWORDS = {"password": "another battery", "again": "another battery"}
TO = {"to": "ops@example.org", "on_up": "on"}


def new_owner(world: World) -> dict[str, object]:
    return {"member": world.project.members.get(user=world.member).pk}


# One line an address: its name, what GET needs, what POST needs, then what differs from the rule.
TABLE = (
    Address("home", SIGNED_IN, None, of_nothing, seen=302),
    Address("sign_in", ANYBODY, ANYBODY, of_nothing, {**NEW, "password": PASSWORD}, done=422),
    Address("sign_in_mail", None, ANYBODY, of_nothing, NEW, done=200),
    Address("sign_in_link", ANYBODY, ANYBODY, of_sign_in_link),
    Address("sign_out", None, ANYBODY, of_nothing),
    Address("sign_up", ANYBODY, ANYBODY, of_nothing, NEW, done=200),
    Address("sign_up_link", ANYBODY, ANYBODY, of_sign_up_link),
    Address("account", SIGNED_IN, SIGNED_IN, of_nothing, {"tz": "Europe/Riga"}),
    Address("account_password", SIGNED_IN, SIGNED_IN, of_nothing, PASSWORDS),
    Address("account_email", SIGNED_IN, SIGNED_IN, of_nothing, NEW),
    Address("account_email_link", ANYBODY, ANYBODY, of_email_link),
    Address("sign_out_everywhere", None, SIGNED_IN, of_nothing),
    Address("account_close", SIGNED_IN, SIGNED_IN, of_nothing, {"email": "x"}, done=422),
    Address("invitation", ANYBODY, ANYBODY, of_invitation_token),
    Address("project_add", SIGNED_IN, SIGNED_IN, of_nothing, {"name": "Lab"}),
    Address("project", READ_ONLY),
    Address("project_rename", MANAGER, MANAGER, form={"name": "Staging"}),
    Address("project_delete", OWNER, OWNER, form={"name": "Production"}),
    Address("project_leave", READ_ONLY, READ_ONLY, never=(OWNER,)),
    Address("member", MANAGER, MANAGER, of_other_member, {"role": "member"}),
    Address("member_remove", None, MANAGER, of_other_member),
    Address("project_offer", OWNER, OWNER, form=new_owner),
    Address("project_offer_withdraw", None, OWNER),
    Address("project_offer_answer", None, READ_ONLY, form={"answer": "accept"}),
    Address("invitation_add", MANAGER, MANAGER, form={**NEW, "role": "member"}),
    Address("invitation_resend", None, MANAGER, of_invitation),
    Address("invitation_withdraw", None, MANAGER, of_invitation),
    Address("key", MANAGER, MANAGER, with_more(kind="read-only"), done=200),
    Address("key_revoke", None, MANAGER, with_more(kind="ping")),
    Address("projects", SIGNED_IN, None, of_nothing),
    Address("checks", READ_ONLY),
    Address("check_add", MEMBER, MEMBER, form=form_of_check()),
    Address("check", READ_ONLY, None, of_check),
    Address("first_ping", READ_ONLY, None, of_check),
    Address("ping", READ_ONLY, None, of_ping),
    Address("channel_row", READ_ONLY, None, of_channel),
    Address("check_edit", MEMBER, MEMBER, of_check, form_of_check()),
    Address("check_pause", None, MEMBER, of_check),
    Address("check_resume", None, MEMBER, of_check),
    Address("check_delete", MEMBER, MEMBER, of_check),
    Address("ping_body", READ_ONLY, None, of_ping),
    Address("channels", READ_ONLY),
    Address("channel_add", MEMBER, MEMBER, with_more(kind="email"), TO),
    Address("channel_edit", MEMBER, MEMBER, of_channel, TO),
    Address("channel_test", None, MEMBER, of_channel),
    Address("channel_enable", None, MEMBER, of_disabled_channel),
    Address("channel_delete", MEMBER, MEMBER, of_channel),
    Address("unsubscribe", ANYBODY, ANYBODY, of_unsubscribe_link, done=200),
)

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
