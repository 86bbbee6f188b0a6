"""A project's own page, its name and its end."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.accounts import invitations
from app.accounts.models import Member, Project, Role, User
from app.checks.models import Check, Tombstone
from tests.app.pages.world import World, client_of


def path(world: World, name: str = "project") -> str:
    return reverse(name, args=[world.project.code])


def test_everybody_in_it_sees_the_people(world: World) -> None:
    page = client_of(world.reader).get(path(world)).content.decode()
    for email in ("Owner@", "manager@", "member@", "reader@"):
        assert f"{email}example.org" in page


@pytest.mark.parametrize("name", ["reader", "member"])
def test_invitations_and_keys_are_for_managers(name: str, world: World) -> None:
    now = timezone.now()
    invitations.invite(world.project, "new@example.org", Role.MEMBER, world.owner, now)
    page = client_of(getattr(world, name)).get(path(world)).content.decode()
    assert "new@example.org" not in page
    for what in ("Keys", "Invit", "Change", "Rename", "Delete"):
        assert what not in page
    page = client_of(world.manager).get(path(world)).content.decode()
    for what in ("new@example.org", "Keys", "Invite somebody", "Rename"):
        assert what in page
    assert "Delete the project" not in page


@pytest.mark.parametrize("count", [1, 8])
def test_the_number_of_queries_does_not_grow(
    count: int, world: World, owner: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        user = User.objects.create_user(f"{number}@example.org")
        Member.objects.create(project=world.project, user=user, role=Role.MANAGER)
        now = timezone.now()
        invitations.invite(world.project, f"n{number}@example.org", Role.MEMBER, user, now)
    with django_assert_num_queries(6):
        owner.get(path(world))


def test_a_manager_renames_it(world: World) -> None:
    form = {"name": " Night \r\n shift "}
    assert client_of(world.manager).post(path(world, "project_rename"), form).status_code == 302
    assert Project.objects.get(pk=world.project.pk).name == "Night shift"


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_bad_name_is_refused(name: str, world: World, owner: Client) -> None:
    assert owner.post(path(world, "project_rename"), {"name": name}).status_code == 422
    assert Project.objects.get(pk=world.project.pk).name == "Production"


def test_who_types_its_name_deletes_it(world: World, owner: Client) -> None:
    assert "1 check with its log" in owner.get(path(world, "project_delete")).content.decode()
    response = owner.post(path(world, "project_delete"), {"name": "Production"})
    assert response["Location"] == "/"
    assert not Project.objects.filter(pk=world.project.pk).exists()
    assert not Check.objects.exists()
    assert Tombstone.objects.get().code == world.check.code
    assert owner.get(path(world)).status_code == 404


@pytest.mark.parametrize("name", ["", "production", "Elsewhere"])
def test_another_name_deletes_nothing(name: str, world: World, owner: Client) -> None:
    assert owner.post(path(world, "project_delete"), {"name": name}).status_code == 422
    assert Check.objects.exists()


def test_the_switcher_leads_to_a_new_project(world: World, owner: Client) -> None:
    assert 'href="/projects/add/"' in owner.get(path(world)).content.decode()
    response = owner.post("/projects/add/", {"name": "Lab"}, follow=True)
    assert "Lab" in response.content.decode()
    assert [one.name for one in Project.objects.visible_to(world.owner)] == ["Production", "Lab"]
