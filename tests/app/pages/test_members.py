"""Roles, removal and leaving."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from app.accounts.invitations import invite
from app.accounts.models import Invitation, Member, Project, Role, User
from tests.app.pages.world import World, client_of


def member_of(world: World, user: User) -> Member:
    return Member.objects.get(project=world.project, user=user)


def path(world: World, user: User, name: str = "member") -> str:
    return reverse(name, args=[world.project.code, member_of(world, user).pk])


def change(client: Client, world: World, user: User, role: str) -> int:
    return client.post(path(world, user), {"role": role}).status_code


def test_a_manager_makes_a_manager(world: World) -> None:
    assert change(client_of(world.manager), world, world.reader, "manager") == 302
    assert member_of(world, world.reader).role == Role.MANAGER


def test_a_manager_may_lower_themselves(world: World) -> None:
    client = client_of(world.manager)
    assert change(client, world, world.manager, "read-only") == 302
    assert change(client, world, world.manager, "manager") == 403
    assert member_of(world, world.manager).role == Role.READ_ONLY


@pytest.mark.parametrize("role", ["owner", "", "OWNER", "admin", "manager\0"])
def test_no_forged_field_makes_an_owner(role: str, world: World) -> None:
    for user in (world.reader, world.manager):
        assert change(client_of(world.manager), world, user, role) == 422
    assert member_of(world, world.reader).role == Role.READ_ONLY
    assert member_of(world, world.manager).role == Role.MANAGER


@pytest.mark.parametrize("name", ["manager", "owner"])
def test_nobody_touches_the_owner(name: str, world: World) -> None:
    client = client_of(getattr(world, name))
    assert client.get(path(world, world.owner)).status_code == 403
    assert change(client, world, world.owner, "read-only") == 403
    response = client.post(path(world, world.owner, "member_remove"))
    assert response.status_code == 403
    assert "Nobody changes or removes the owner" in response.content.decode()
    assert member_of(world, world.owner).role == Role.OWNER


def test_members_of_other_projects_are_out_of_reach(world: World) -> None:
    stranger = Member.objects.get(user=world.stranger)
    for name in ("member", "member_remove"):
        forged = reverse(name, args=[world.project.code, stranger.pk])
        assert client_of(world.owner).post(forged, {"role": "member"}).status_code == 404
    assert Member.objects.filter(pk=stranger.pk, role=Role.OWNER).exists()


def test_who_is_removed_finds_nothing_any_more(world: World) -> None:
    reader = client_of(world.reader)
    assert client_of(world.manager).post(path(world, world.reader, "member_remove"))
    assert reader.get(reverse("checks", args=[world.project.code])).status_code == 404
    assert reader.get(reverse("check", args=[world.check.code])).status_code == 404


def test_a_manager_who_removes_themselves_is_led_away(world: World) -> None:
    client = client_of(world.manager)
    assert client.post(path(world, world.manager, "member_remove"))["Location"] == "/"
    assert not world.project.members.filter(user=world.manager).exists()


@pytest.mark.parametrize("name", ["reader", "member", "manager"])
def test_everybody_but_the_owner_may_leave(name: str, world: World) -> None:
    user = getattr(world, name)
    response = client_of(user).post(reverse("project_leave", args=[world.project.code]))
    assert response["Location"] == "/account/"
    assert not world.project.members.filter(user=user).exists()


def test_who_leaves_loses_an_offer(world: World) -> None:
    Project.objects.filter(pk=world.project.pk).update(offered_to=world.member)
    client_of(world.member).post(reverse("project_leave", args=[world.project.code]))
    assert Project.objects.get(pk=world.project.pk).offered_to is None


@pytest.mark.parametrize("what", ["removed", "lowered", "left"])
def test_who_is_no_manager_any_more_has_invited_nobody(what: str, world: World) -> None:
    now = timezone.now()
    invite(world.project, "alias@example.org", Role.MANAGER, world.manager, now)
    invite(world.project, "new@example.org", Role.MEMBER, world.owner, now)
    if what == "removed":
        client_of(world.owner).post(path(world, world.manager, "member_remove"))
    elif what == "lowered":
        change(client_of(world.owner), world, world.manager, "member")
    else:
        client_of(world.manager).post(reverse("project_leave", args=[world.project.code]))
    assert [one.email for one in Invitation.objects.all()] == ["new@example.org"]
