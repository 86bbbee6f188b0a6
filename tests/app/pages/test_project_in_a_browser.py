"""What people do about a project and their accounts, in a real Chromium and on a small phone."""

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from app.accounts.models import Member, Project, User
from tests.app.pages.mailbox import arrived, link_in
from tests.app.pages.test_in_a_browser import opened, sign_in
from tests.app.pages.world import make_world

pytestmark = pytest.mark.browser
PHONE = 320


def press(page: Page, name: str) -> None:
    """Press a button, once the page is seen to fit the phone."""
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE, page.url
    page.get_by_role("button", name=name, exact=True).click()


def test_somebody_is_invited_joins_is_promoted_and_gets_the_project(
    chromium: Browser, live_server: LiveServer
) -> None:
    world = make_world()
    project = reverse("project", args=[world.project.code])
    with (
        opened(chromium, live_server, PHONE) as owner,
        opened(chromium, live_server, PHONE) as guest,
    ):
        sign_in(owner)
        owner.get_by_role("link", name="Project", exact=True).click()
        owner.get_by_role("link", name="Invite somebody").click()
        owner.get_by_label("E-mail address").fill("new@example.org")
        owner.get_by_label("Read-only").check()
        press(owner, "Send the invitation")
        expect(owner.get_by_text("An invitation is on its way to new@example.org")).to_be_visible()

        guest.goto(link_in(arrived()[0]))
        press(guest, "Make an account and join")
        expect(guest.get_by_text("you are in Production now")).to_be_visible()
        expect(guest.get_by_role("link", name="Add a check")).to_have_count(0)

        owner.reload()
        owner.get_by_role("link", name="Change new@example.org").click()
        owner.get_by_label("Manager").check()
        press(owner, "Save the role")
        expect(owner.get_by_text("new@example.org is manager now.")).to_be_visible()
        owner.get_by_role("link", name="Offer it to a member").click()
        owner.get_by_label("new@example.org").check()
        press(owner, "Offer it")

        guest.goto(project)
        press(guest, "Accept")
        expect(guest.get_by_text("The project is yours.")).to_be_visible()
        owner.goto(project)
        owner.get_by_role("link", name="Leave the project").click()
        press(owner, "Leave the project")
        expect(owner.get_by_text("You have left Production.")).to_be_visible()
    assert Member.objects.get(project=world.project, role="owner").user.email == "new@example.org"


def test_a_key_is_made_replaced_and_revoked(chromium: Browser, live_server: LiveServer) -> None:
    world = make_world()
    with opened(chromium, live_server, PHONE) as page:
        sign_in(page)
        page.goto(reverse("project", args=[world.project.code]))
        press(page, "Make one as the Ping key")
        key = page.get_by_label("The key").inner_text()
        assert len(key) == 22
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_text(f"Begins with {key[:4]}")).to_be_visible()
        page.get_by_role("link", name="Change the Ping key").click()
        press(page, "Replace the key")
        expect(page.get_by_text("The older one has stopped.")).to_be_visible()
        assert page.get_by_label("The key").inner_text() != key
        page.get_by_role("link", name="Done").click()
        page.get_by_role("link", name="Change the Ping key").click()
        press(page, "Revoke the key")
        expect(page.get_by_text("Ping key: revoked.")).to_be_visible()
    assert Project.objects.get(pk=world.project.pk).ping_key_digest is None


def test_somebody_signs_up_sets_a_password_and_closes_the_account(
    chromium: Browser, live_server: LiveServer, settings: Settings
) -> None:
    settings.SIGN_UP = "open"
    make_world()
    with opened(chromium, live_server, PHONE) as page:
        page.goto("/")
        page.get_by_role("link", name="Make an account").click()
        page.get_by_label("E-mail address").fill("new@example.org")
        press(page, "E-mail me the link")
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
        page.goto(link_in(arrived()[0]))
        press(page, "Make the account")
        page.get_by_label("Name").fill("Home lab")
        press(page, "Make the project")
        expect(page.get_by_role("heading", name="Checks")).to_be_visible()

        page.get_by_role("link", name="Account").click()
        page.get_by_label("Time zone of the pages").fill("Europe/Riga")
        press(page, "Save the time zone")
        expect(page.get_by_text("Pages show times of Europe/Riga now.")).to_be_visible()
        page.get_by_role("link", name="Set one").click()
        page.get_by_label("New password").fill("a few plain words")
        page.get_by_label("The same again").fill("a few plain words")
        press(page, "Save the password")
        press(page, "Sign out")
        page.get_by_label("E-mail address").fill("new@example.org")
        page.get_by_label("Password").fill("a few plain words")
        press(page, "Sign in")

        page.get_by_role("link", name="Account").click()
        page.get_by_role("link", name="Close the account").click()
        page.get_by_label("Your e-mail address").fill("new@example.org")
        press(page, "Close the account")
        expect(page.get_by_text("Your account is closed.")).to_be_visible()
    assert not User.objects.filter(email="new@example.org").exists()
    assert not Project.objects.filter(name="Home lab").exists()
