"""Change one's address."""

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.test import Client
from django.utils import timezone

from app.accounts.models import MailedLink, User
from app.accounts.sign_in import make_link
from tests.app.pages.mailbox import arrived, link_in, wait_for_mails
from tests.app.pages.world import World, client_of

PATH = "/account/email/"


def asked(client: Client, email: str = "New@example.org") -> str:
    assert client.post(PATH, {"email": email})["Location"] == "/account/"
    return link_in(arrived()[0])


def test_a_link_to_the_new_mailbox_changes_the_address(world: World, owner: Client) -> None:
    link = asked(owner)
    assert mail.outbox[0].to == ["New@example.org"]
    assert User.objects.get(pk=world.owner.pk).email == "Owner@example.org"
    page = Client().get(link).content.decode()
    assert "Owner@example.org" in page
    assert "New@example.org" in page
    assert User.objects.get(pk=world.owner.pk).email == "Owner@example.org"
    assert owner.post(link)["Location"] == "/account/"
    assert User.objects.get(pk=world.owner.pk).email == "New@example.org"


def test_the_old_mailbox_is_told_after_the_change(world: World, owner: Client) -> None:
    owner.post(asked(owner))
    wait_for_mails()
    assert [message.to for message in mail.outbox] == [["New@example.org"], ["Owner@example.org"]]
    assert "New@example.org" in str(mail.outbox[1].body)


def test_outstanding_links_of_the_user_end(world: World, owner: Client) -> None:
    now = timezone.now()
    old, others = make_link(world.owner, now), make_link(world.reader, now)
    owner.post(asked(owner))
    assert [link.user for link in MailedLink.objects.all()] == [world.reader]
    assert Client().post(old.removeprefix("http://localhost:8000")).status_code == 410
    assert Client().post(others.removeprefix("http://localhost:8000")).status_code == 302


def test_the_link_signs_nobody_in(owner: Client) -> None:
    elsewhere = Client()
    assert elsewhere.post(asked(owner)).status_code == 302
    assert SESSION_KEY not in elsewhere.session


def test_a_link_works_once(owner: Client) -> None:
    link = asked(owner)
    assert owner.post(link).status_code == 302
    assert owner.post(link).status_code == 410


def test_the_answer_does_not_say_whether_somebody_has_the_address(
    world: World, owner: Client
) -> None:
    taken = owner.post(PATH, {"email": "READER@example.org"}, follow=True)
    free = owner.post(PATH, {"email": "NOBODY@example.org"}, follow=True)
    assert [one.redirect_chain for one in (taken, free)] == [[("/account/", 302)]] * 2
    assert "is on its way to READER@example.org" in taken.content.decode()
    assert "is on its way to NOBODY@example.org" in free.content.decode()
    assert MailedLink.objects.count() == 2
    assert [message.to for message in arrived()] == [["NOBODY@example.org"]]


def test_an_address_that_somebody_took_meanwhile_is_not_taken_away(
    world: World, owner: Client
) -> None:
    link = asked(owner)
    User.objects.create_user("new@example.org")
    assert owner.post(link).status_code == 410
    assert User.objects.get(pk=world.owner.pk).email == "Owner@example.org"


def test_only_the_case_may_be_changed(world: World, owner: Client) -> None:
    owner.post(asked(owner, "owner@EXAMPLE.org"))
    assert User.objects.get(pk=world.owner.pk).email == "owner@EXAMPLE.org"


def test_the_eleventh_mail_to_an_address_has_to_wait(world: World) -> None:
    client = client_of(world.owner)
    statuses = [client.post(PATH, {"email": "new@example.org"}).status_code for _ in range(11)]
    assert statuses == [302] * 10 + [429]


@pytest.mark.parametrize("email", ["", "no address", f"a@{'x' * 64}.org"])
def test_what_is_no_address_is_refused(email: str, owner: Client) -> None:
    assert owner.post(PATH, {"email": email}).status_code == 422
    assert not MailedLink.objects.exists()
