"""The live list in a real Chromium, and without JavaScript."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from app.accounts.founding import found
from app.accounts.models import Role
from app.checks import state
from app.checks.models import Check
from tests.app.pages.busy import make_busy, make_up
from tests.app.pages.world import World, client_of, make_world

pytestmark = pytest.mark.browser

SOON = 15_000  # ms: a poll comes every five seconds


@pytest.fixture
def site(live_server: LiveServer) -> World:
    """Return a committed world with checks in every state behind `live_server.url`."""
    assert live_server.url
    return make_busy(make_world())


@contextmanager
def opened(
    chromium: Browser, live_server: LiveServer, site: World, query: str = "", **options: Any
) -> Iterator[Page]:
    """Open the owner's list; fail when the console complains."""
    context = chromium.new_context(base_url=live_server.url, **options)
    session = client_of(site.owner).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(reverse("checks", args=[site.project.code]) + query)
    yield page
    context.close()
    # What a server refuses, or does not answer, is noted by Chromium and by htmx.
    noted = ("Failed to load resource", "Response Status Error", "htmx:")
    assert [text for text in complaints if not text.startswith(noted)] == []


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def icon(page: Page) -> str:
    return page.locator("#icon").get_attribute("href") or ""


def ping(name: str, action: state.Action) -> None:
    check = Check.objects.get(name=name)
    event = state.Event(received_at=timezone.now(), action=action)
    check.store_state(state.fold(check.rules, check.state, [event]).state)


def test_a_flip_turns_row_title_and_mark_and_back(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    Check.objects.filter(name__in=("overdue", "z-down")).delete()
    with opened(chromium, live_server, site) as page:
        expect(page).to_have_title("Checks · Stillhere")
        assert icon(page).endswith("mark.svg")
        page.evaluate("document.stays = true")
        ping("b-up", state.Action.FAIL)
        expect(row(page, "b-up")).to_contain_text("Down", timeout=SOON)
        expect(page.get_by_role("row").nth(1)).to_contain_text("b-up")
        expect(page).to_have_title("1 down · Checks · Stillhere")
        assert icon(page).endswith("mark-down.svg")
        ping("b-up", state.Action.SUCCESS)
        expect(row(page, "b-up")).to_contain_text("Up", timeout=SOON)
        expect(page).to_have_title("Checks · Stillhere")
        assert icon(page).endswith("mark.svg")
        assert page.locator("#icon").count() == 1
        assert page.evaluate("document.stays") is True


def test_a_swap_leaves_focus_scrolling_and_what_is_open(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    for number in range(40):
        make_up(site, f"filler {number:02}", tags="prod")
    with opened(chromium, live_server, site) as page:
        page.get_by_text("Tags").click()
        link = page.get_by_role("link", name="filler 20", exact=True)
        link.focus()
        page.evaluate("scrollBy(0, 60)")
        scrolled = page.evaluate("scrollY")
        assert scrolled > 0
        ping("filler 30", state.Action.START)
        expect(row(page, "filler 30")).to_contain_text("started just now", timeout=SOON)
        expect(link).to_be_focused()
        assert page.evaluate("scrollY") == scrolled
        expect(page.get_by_role("link", name="prod 40")).to_be_visible()
        # Nor is a text taken away that somebody is selecting.
        page.locator("code").first.select_text()
        ping("filler 31", state.Action.START)
        with page.expect_response(lambda response: response.status == 200, timeout=SOON):
            pass
        assert page.evaluate("getSelection().toString()") != ""
        page.evaluate("getSelection().empty()")
        expect(row(page, "filler 31")).to_contain_text("started just now", timeout=SOON)


def test_typing_filters_and_the_address_keeps_it(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server, site) as page:
        page.keyboard.press("/")
        field = page.get_by_role("searchbox")
        expect(field).to_be_focused()
        page.keyboard.type("up")
        expect(page.get_by_text("2 match")).to_be_visible()
        expect(page).to_have_url(re.compile(r"\?q=up$"))
        page.keyboard.type("/")  # is text, while one types
        expect(page.get_by_role("heading", name="No check matches “up/”")).to_be_visible()
        page.keyboard.press("Backspace")
        expect(page.get_by_text("2 match")).to_be_visible()
        page.get_by_role("link", name="1 new").click()
        expect(page).to_have_url(re.compile(r"\?q=up&state=new$"))
        expect(page.get_by_role("link", name="1 new")).to_be_focused()
        field.fill("nightly")
        expect(row(page, "nightly dump")).to_be_visible()
        expect(page).to_have_url(re.compile(r"\?q=nightly&state=new$"))
        page.go_back()
        expect(page).to_have_url(re.compile(r"\?q=up$"))
        expect(page.get_by_text("2 match")).to_be_visible()
        expect(page.get_by_role("heading", name="Checks")).to_be_visible()


def test_pausing_keeps_the_filter_and_the_place(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server, site, "?q=up&state=up&state=paused") as page:
        page.get_by_role("button", name="Pause b-up").press("Enter")
        expect(row(page, "b-up")).to_contain_text("Paused")
        expect(page.get_by_role("button", name="Resume b-up")).to_be_focused()
        expect(page).to_have_url(re.compile(r"\?q=up&state=up&state=paused$"))
        page.get_by_role("button", name="Resume b-up").click()
        expect(page.get_by_role("link", name="b-up", exact=True)).to_be_hidden()  # it is new
        assert Check.objects.get(name="b-up").status == "new"


def test_who_may_no_longer_pause_sees_the_buttons_go(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server, site) as page:
        site.project.members.filter(user=site.owner).update(role=Role.READ_ONLY)
        page.get_by_role("button", name="Pause b-up").click()
        expect(page.get_by_role("button", name="Pause b-up")).to_be_hidden(timeout=4_000)
        assert Check.objects.get(name="b-up").status == "up"


def test_the_ping_address_is_copied(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with opened(chromium, live_server, site, permissions=permissions) as page:
        button = page.get_by_role("button", name="Copy URL of a-up")
        size = button.bounding_box()
        assert size
        assert min(size["width"], size["height"]) >= 44
        button.press("Enter")
        expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == Check.objects.get(name="a-up").ping_url
        expect(button).to_be_visible()  # its words come back
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.get_by_role("button", name="Copy URL of b-up").click()
        page.get_by_role("searchbox").press("Control+V")
        expect(page.get_by_role("searchbox")).to_have_value(Check.objects.get(name="b-up").ping_url)


def test_who_is_signed_out_meanwhile_is_led_to_the_sign_in(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server, site, "?state=down") as page:
        Session.objects.all().delete()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)
        expect(page).to_have_url(re.compile(r"\?next=/projects/.+state%3Ddown"))


def test_a_list_that_is_not_live_says_so_and_recovers(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    def fail(route: Route) -> None:
        route.abort("connectionrefused")

    with opened(chromium, live_server, site) as page:
        page.route("**/checks/?*", fail)
        note = page.locator("p.lost")
        expect(note).to_have_text(
            re.compile(r"^Not live since \d\d:\d\d UTC: the server does not answer"), timeout=SOON
        )
        page.unroute("**/checks/?*", fail)
        expect(note).to_be_hidden(timeout=SOON)


def test_without_javascript_filters_and_pausing_work(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server, site, java_script_enabled=False) as page:
        expect(page.get_by_role("button", name="Copy URL of a-up")).to_be_hidden()
        page.get_by_role("link", name="2 up").click()
        page.get_by_role("searchbox").fill("b-up")
        page.get_by_role("button", name="Filter").click()
        expect(page).to_have_url(re.compile(r"\?q=b-up&state=up$"))
        page.get_by_role("button", name="Pause b-up").click()
        expect(page).to_have_url(re.compile(r"\?q=b-up&state=up$"))
        expect(page.get_by_role("heading", name="No check matches “b-up”, up")).to_be_visible()
        page.get_by_role("link", name="Show all checks").click()
        expect(row(page, "b-up")).to_contain_text("Paused")


def test_nobody_looking_means_one_poll_a_minute_and_one_at_the_first_look(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    with opened(chromium, live_server, site) as page:
        page.clock.install()
        page.reload()
        polls = list[str]()

        def note(request: Request) -> None:
            if "seen=" in request.url:
                polls.append(request.url)

        page.on("request", note)
        hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true })"
        page.evaluate(hide % "true")
        page.clock.run_for(55_000)
        assert polls == []
        with page.expect_response("**/checks/?*"):
            page.clock.run_for(10_000)
        page.clock.run_for(30_000)
        assert len(polls) == 1
        page.evaluate(hide % "false")
        with page.expect_response("**/checks/?*"):
            page.evaluate(look)
        assert len(polls) == 2


@pytest.mark.parametrize("width", [320, 1200])
def test_no_list_scrolls_sideways(
    width: int, chromium: Browser, live_server: LiveServer, site: World
) -> None:
    make_up(site, "n" * 100, tags="t" * 100 + " x", kind="cron", schedule="*/10 * * * *")
    found(site.owner, "p" * 100)
    size = {"width": width, "height": 700}
    with opened(chromium, live_server, site, "?tag=x", viewport=size) as page:
        for path in (page.url, "?q=zebra", "/projects/"):
            page.goto(path if path != "?q=zebra" else page.url.partition("?")[0] + path)
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
