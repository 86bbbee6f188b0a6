"""Give a project away."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from app.accounts.models import Member, Project, Role, User
from tests.app.pages.mailbox import arrived, wait_for_mails
from tests.app.pages.world import World, client_of


def path(world: World, name: str = "project_offer") -> str:
    return reverse(name, args=[world.project.code])


def offer(client: Client, world: World, user: User) -> int:
    member = Member.objects.filter(user=user).get()
    return client.post(path(world), {"member": member.pk}).status_code


def answer(client: Client, world: World, what: str) -> str:
    response = client.post(path(world, "project_offer_answer"), {"answer": what}, follow=True)
    return response.content.decode()


def roles(world: World) -> dict[str, str]:
    return dict(world.project.members.values_list("user__email", "role"))


def test_who_accepts_is_the_owner_and_the_owner_a_manager(world: World, owner: Client) -> None:
    assert offer(owner, world, world.reader) == 302
    assert roles(world)["Owner@example.org"] == Role.OWNER
    (message,) = arrived()
    assert message.to == ["reader@example.org"]
    reader = client_of(world.reader)
    assert (
        "The owner offers you this project" in reader.get(path(world, "project")).content.decode()
    )
    assert "The project is yours." in answer(reader, world, "accept")
    assert roles(world)["reader@example.org"] == Role.OWNER
    assert roles(world)["Owner@example.org"] == Role.MANAGER
    assert owner.get(path(world)).status_code == 403
    assert Project.objects.get(pk=world.project.pk).offered_to is None


def test_who_declines_leaves_it_with_the_owner(world: World, owner: Client) -> None:
    offer(owner, world, world.member)
    assert "You have declined." in answer(client_of(world.member), world, "decline")
    assert Project.objects.get(pk=world.project.pk).offered_to is None
    assert "not offered to you any more" in answer(client_of(world.member), world, "accept")
    assert roles(world)["Owner@example.org"] == Role.OWNER


@pytest.mark.parametrize("what", ["accept", "decline"])
@pytest.mark.parametrize("name", ["manager", "reader", "owner"])
def test_nobody_answers_for_another(name: str, what: str, world: World, owner: Client) -> None:
    offer(owner, world, world.member)
    before = roles(world)
    assert "not offered to you any more" in answer(client_of(getattr(world, name)), world, what)
    assert roles(world) == before
    assert Project.objects.get(pk=world.project.pk).offered_to == world.member


def test_an_offer_that_is_withdrawn_cannot_be_accepted(world: World, owner: Client) -> None:
    offer(owner, world, world.member)
    owner.post(path(world, "project_offer_withdraw"))
    assert "not offered to you any more" in answer(client_of(world.member), world, "accept")
    assert roles(world)["Owner@example.org"] == Role.OWNER


@pytest.mark.parametrize("name", ["stranger", "owner"])
def test_it_is_offered_to_other_members_only(name: str, world: World, owner: Client) -> None:
    assert offer(owner, world, getattr(world, name)) == 422
    wait_for_mails()
    assert mail.outbox == []
    assert Project.objects.get(pk=world.project.pk).offered_to is None


def test_who_was_removed_meanwhile_does_not_become_the_owner(world: World, owner: Client) -> None:
    offer(owner, world, world.member)
    Member.objects.filter(user=world.member).delete()
    response = client_of(world.member).post(
        path(world, "project_offer_answer"), {"answer": "accept"}
    )
    assert response.status_code == 404
    assert roles(world)["Owner@example.org"] == Role.OWNER
