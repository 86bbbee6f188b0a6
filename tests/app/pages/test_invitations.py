"""Invite people, send invitations again and withdraw them."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from app.accounts.models import Invitation, Role
from tests.app.pages.mailbox import arrived, link_in, wait_for_mails
from tests.app.pages.world import World, client_of

NEW = "new@example.org"


def invite(client: Client, world: World, email: str = NEW, role: str = "member") -> int:
    form = {"email": email, "role": role}
    return client.post(reverse("invitation_add", args=[world.project.code]), form).status_code


def act(client: Client, world: World, verb: str) -> str:
    arguments = [world.project.code, Invitation.objects.get().pk]
    return client.post(reverse(verb, args=arguments), follow=True).content.decode()


def test_the_invited_get_a_mail_that_names_project_role_and_inviter(world: World) -> None:
    assert invite(client_of(world.manager), world, role="read-only") == 302
    (message,) = arrived()
    assert message.to == [NEW]
    assert message.subject == "Invitation to Production at Stillhere"
    for what in ("manager@example.org", "Production", "read-only"):
        assert what in message.body
    assert link_in(message).startswith("/invitations/")


def test_the_inviter_never_sees_the_link(world: World, owner: Client) -> None:
    form = {"email": NEW, "role": "member"}
    path = reverse("invitation_add", args=[world.project.code])
    page = owner.post(path, form, follow=True)
    token = link_in(arrived()[0]).split("/")[2]
    assert NEW in page.content.decode()
    assert token not in page.content.decode()
    assert token not in str(list(owner.session.items()))
    assert token not in Invitation.objects.get().digest


@pytest.mark.parametrize("role", ["owner", "", "superuser"])
def test_no_forged_field_invites_an_owner(role: str, world: World, owner: Client) -> None:
    assert invite(owner, world, role=role) == 422
    assert not Invitation.objects.exists()


def test_who_is_in_the_project_is_not_invited(world: World, owner: Client) -> None:
    path = reverse("invitation_add", args=[world.project.code])
    response = owner.post(path, {"email": "READER@example.org", "role": "manager"})
    assert response.status_code == 422
    assert "is in the project already" in response.content.decode()


def test_an_address_is_invited_once_and_the_last_word_counts(world: World, owner: Client) -> None:
    invite(owner, world)
    invite(owner, world, "NEW@example.org", "manager")
    assert Invitation.objects.get().role == Role.MANAGER
    links = sorted(link_in(message) for message in arrived(2))
    statuses = sorted(Client().get(link).status_code for link in links)
    assert statuses == [200, 410]


def test_sending_again_ends_the_older_link(world: World, owner: Client) -> None:
    invite(owner, world)
    old = link_in(arrived()[0])
    assert "is on its way to new@example.org" in act(owner, world, "invitation_resend")
    new = link_in(arrived(2)[1])
    assert Client().get(old).status_code == 410
    assert Client().get(new).status_code == 200


def test_a_withdrawn_invitation_does_not_work(world: World, owner: Client) -> None:
    invite(owner, world)
    assert "is withdrawn" in act(owner, world, "invitation_withdraw")
    assert Client().get(link_in(arrived()[0])).status_code == 410
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("verb", ["invitation_resend", "invitation_withdraw"])
def test_invitations_of_other_projects_are_out_of_reach(verb: str, world: World) -> None:
    invite(client_of(world.owner), world)
    elsewhere = world.stranger.memberships.get().project.code
    path = reverse(verb, args=[elsewhere, Invitation.objects.get().pk])
    assert client_of(world.stranger).post(path).status_code == 404
    assert Invitation.objects.exists()


def test_the_twenty_first_invitation_of_a_day_has_to_wait(world: World, owner: Client) -> None:
    for number in range(20):
        assert invite(owner, world, f"{number}@example.org") == 302
    assert invite(owner, world) == 429
    assert invite(client_of(world.manager), world) == 302
    Invitation.objects.exclude(email=NEW).delete()
    assert "Nothing was sent. Too many tries." in act(owner, world, "invitation_resend")
    wait_for_mails()
    assert len(mail.outbox) == 21


def test_a_closed_server_lets_in_who_has_an_account(world: World, settings: Settings) -> None:
    settings.SIGN_UP = "closed"
    client = client_of(world.owner)
    assert invite(client, world) == 422
    assert invite(client, world, "stranger@example.org") == 302


def test_without_a_mail_server_the_page_says_so(world: World, owner: Client) -> None:
    path = reverse("invitation_add", args=[world.project.code])
    assert b"E-mail reaches nobody yet." in owner.get(path).content
