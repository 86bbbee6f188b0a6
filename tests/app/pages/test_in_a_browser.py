"""The pages in a real Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from app.accounts.sign_in import make_link
from app.alerts.models import Notification
from app.checks.models import Check
from tests.app.pages.world import PASSWORD, World, make_ping, make_world

pytestmark = pytest.mark.browser


LINES = """it => {
    const words = document.createRange();
    words.selectNode(it.firstChild);
    return words.getClientRects().length;
}"""


@pytest.fixture
def site(live_server: LiveServer) -> World:
    """Return a committed world behind a server at `live_server.url`."""
    assert live_server.url
    return make_world()


@contextmanager
def opened(chromium: Browser, live_server: LiveServer, width: int = 1200) -> Iterator[Page]:
    """Open a page that fails the test when the console complains, as it does of the policy."""
    context = chromium.new_context(
        base_url=live_server.url, viewport={"width": width, "height": 800}
    )
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    # Answers that say what is wrong with a form are 422, and Chromium notes that. A question that
    # a newer one replaces (the preview, while somebody types) is ended, and htmx notes that.
    harmless = ("status of 4", "htmx:afterRequest", "htmx:sendAbort")
    assert [text for text in complaints if not any(each in text for each in harmless)] == []


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("E-mail address").fill("owner@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()


def test_a_check_is_previewed_added_edited_and_paused(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.get_by_role("link", name="Add a check").click()
        expect(page.get_by_label("Expression", exact=True)).to_be_hidden()
        page.get_by_label("Name").fill("sync invoices")
        page.get_by_label("Cron expression").check()
        expect(page.get_by_label("Period", exact=True)).to_be_hidden()
        page.get_by_label("Expression", exact=True).fill("0 0 31 2 *")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#id_schedule_error")).to_contain_text("0 0 31 2 *")
        page.get_by_label("Expression", exact=True).fill("*/10 * * * *")
        page.get_by_label("Time zone").fill("Europe/Riga")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#preview ol").get_by_role("listitem")).to_have_count(5)
        page.get_by_label("Name").press("Enter")
        expect(page.get_by_role("heading", name="sync invoices")).to_be_visible()
        check = Check.objects.get(slug="sync-invoices")
        assert (check.schedule, check.tz) == ("*/10 * * * *", "Europe/Riga")
        assert list(check.channels.all()) == [site.channel]
        expect(page.get_by_text(f"/ping/{check.code}", exact=False).first).to_be_visible()

        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Grace", exact=True).fill("30")
        page.get_by_label("Unit of the grace").select_option("minutes")
        page.get_by_role("button", name="Save").last.click()
        expect(page.get_by_text("30 min grace")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_a_channel_is_added_and_tested(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    assert site
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.get_by_role("link", name="Channels").click()
        page.get_by_role("link", name="Add a webhook").click()
        page.get_by_label("Name").fill("pager")
        page.get_by_label("Address").first.fill("https://hooks.example.org/secret")
        page.get_by_role("button", name="Add the channel").click()
        expect(page.get_by_role("heading", name="pager")).to_be_visible()
        page.get_by_role("button", name="Test").last.click()
        expect(page.get_by_text("A test is on its way.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_a_choice_hides_holds_nothing_up(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check_add", args=[site.project.code]))
        page.get_by_label("Name").fill("sync invoices")
        page.get_by_label("Cron expression").check()
        page.get_by_label("Time zone").fill("")
        page.get_by_label("Every so often").check()
        page.get_by_role("button", name="Add the check").click()
        expect(page.get_by_role("heading", name="sync invoices")).to_be_visible()


def test_the_log_keeps_its_last_column_in_one_line(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0 " * 3
    make_ping(site.check, 2, method="POST", body=b"dumped", user_agent=agent.strip()[:200])
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check", args=[site.check.code]))
        for text in (
            page.get_by_role("columnheader", name="Body"),
            page.locator("td.cell-body a").first,
        ):
            assert text.evaluate(LINES) == 1


def test_no_page_scrolls_sideways_on_a_small_phone(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    Check.objects.create(project=site.project, name="x" * 100, schedule="*/10 * * * *", kind="cron")
    project, check, channel = site.project.code, site.check.code, site.channel.code
    paths = [
        "/",
        "/nothing/",
        reverse("check", args=[check]),
        reverse("check_edit", args=[check]),
        reverse("check_delete", args=[check]),
        reverse("check_add", args=[project]),
        reverse("channels", args=[project]),
        reverse("channel_add", args=[project, "email"]),
        reverse("channel_add", args=[project, "webhook"]),
        reverse("channel_delete", args=[channel]),
    ]
    with opened(chromium, live_server, width=320) as page:
        sign_in(page)
        for path in paths:
            page.goto(path)
            for details in page.locator("main details").all():
                details.evaluate("it => it.open = true")
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width == 320, path


def test_the_first_tab_key_offers_to_skip_to_the_content(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    assert site
    with opened(chromium, live_server) as page:
        page.goto("/sign-in/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_label("E-mail address")).to_be_focused()


def test_a_link_from_the_command_line_wants_one_click(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    link = make_link(site.owner, timezone.now()).partition("/sign-in/")[2]
    with opened(chromium, live_server) as page:
        page.goto(f"/sign-in/{link}")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Checks")).to_be_visible()


def test_the_preview_follows_what_is_typed(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check_edit", args=[site.check.code]))
        box = page.locator("#preview")
        expect(box).to_contain_text("Every day")
        page.get_by_label("Cron expression").check()
        page.get_by_label("Expression", exact=True).fill("30 3 * * *")
        page.get_by_label("Time zone").fill("Europe/Riga")
        expect(box).to_contain_text("jumps from 03:00 to 04:00: the run at 03:30 happens at 04:00")
        page.get_by_label("Expression", exact=True).fill("61 3 * * *")
        expect(box).to_contain_text("Cannot read '61 3 * * *'")
        page.get_by_text("Which pings count").click()
        page.get_by_label("Judge pings by words").check()
        page.get_by_label("Failure words").fill("ERROR")
        page.get_by_label("Try a body").fill("an ERROR here")
        expect(page.locator("#trial")).to_contain_text("has the failure word “ERROR”")
        assert Check.objects.get().kind == "simple"


def test_the_result_of_a_test_shows_by_itself(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    assert site
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.get_by_role("link", name="Channels").click()
        page.get_by_role("button", name="Test").click()
        expect(page.get_by_text("A test is on its way.")).to_be_visible()
        Notification.objects.update(state="failed", error="no route to the mail server")
        said = "The test failed: no route to the mail server"
        expect(page.locator("p.trial")).to_have_text(said)
        expect(page.locator("#said")).to_have_text(f"owner@example.org: {said}")
