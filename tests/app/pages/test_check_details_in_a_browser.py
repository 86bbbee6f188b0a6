"""The page of a check in a real Chromium: what it does by itself, and that it works without."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from app.checks.models import Check, Flip
from app.pages.snippets import snippets
from tests.app.pages.test_in_a_browser import opened, sign_in
from tests.app.pages.world import World, make_ping, make_world

pytestmark = pytest.mark.browser


@pytest.fixture
def site(live_server: LiveServer) -> World:
    """Return a committed world behind a server at `live_server.url`."""
    assert live_server.url
    return make_world()


def ping_by_hand(check: Check, n: int, **fields: object) -> None:
    """Write a ping as the drain would, with what it makes of the check."""
    now = timezone.now()
    make_ping(check, n, received_at=now, **fields)
    due = now + timedelta(days=1)
    Check.objects.filter(pk=check.pk).update(
        **{"status": "up", "last_ping_at": now, "status_since": now},
        **{"due_at": due, "down_at": due + timedelta(hours=1)},
    )


def rows(page: Page) -> int:
    return page.locator("#log-table .n a").count()


def test_a_new_check_turns_green_by_itself(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    check = Check.objects.create(project=site.project, name="fresh", slug="fresh")
    site.channel.checks.add(check)
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check", args=[check.code]))
        panel = page.locator("#first-ping")
        expect(panel).to_contain_text("Waiting for the first ping")
        for snippet in snippets(check)[1:]:
            page.locator(f"#snippet-{snippet.kind} summary").click()
            button = page.locator(f"#snippet-{snippet.kind} [data-copy]")
            expect(button).to_be_visible()
            assert button.evaluate("it => it.dataset.copy") == snippet.text
        panel.locator("pre").click()  # a command that is selected does not stop the news
        ping_by_hand(check, 1)
        expect(panel).to_contain_text("The first ping is here", timeout=10_000)
        expect(panel).to_contain_text("owner@example.org")
        expect(panel.locator(".note.success")).to_be_visible()
        expect(page).to_have_title("fresh: up · Stillhere", timeout=10_000)
        expect(page.locator("#head .status")).to_have_text("Up")
        expect(page.locator("#log-head .n a")).to_have_count(1)


def test_an_empty_log_says_so_over_its_whole_width(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    check = Check.objects.create(project=site.project, name="fresh")
    with opened(chromium, live_server, width=360) as page:
        sign_in(page)
        page.goto(reverse("check", args=[check.code]))
        row = page.locator("#log-head tr").bounding_box()
        cell = page.get_by_role("cell", name="Waiting for the first ping.").bounding_box()
        assert row is not None
        assert cell is not None
        assert (cell["x"], cell["width"]) == (row["x"], row["width"])


def test_the_news_of_the_first_ping_stays_in_the_list(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    site.check.delete()
    check = Check.objects.create(project=site.project, name="fresh")
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("checks", args=[site.project.code]))
        panel = page.locator("#first-ping")
        expect(panel).to_contain_text("Waiting for the first ping")
        ping_by_hand(check, 1)
        expect(panel).to_contain_text("The first ping is here", timeout=10_000)
        # At once, with a margin below the five seconds of a poll.
        expect(page.locator("#checks .status")).to_have_text("Up", timeout=2_000)
        expect(panel).to_contain_text("The first ping is here")


def test_what_somebody_has_selected_stays(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check", args=[site.check.code]))
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#facts'))")
        selected = page.evaluate("String(getSelection())")
        shown = page.locator("#facts").text_content() or ""
        assert selected
        ping_by_hand(site.check, 2)
        Check.objects.update(status="down", due_at=None, down_at=None)
        expect(page.locator("#head .status")).to_have_text("Down", timeout=10_000)
        assert page.evaluate("String(getSelection())") == selected
        expect(page.locator("#facts")).to_have_text(shown)
        page.evaluate("getSelection().removeAllRanges()")
        ping_by_hand(site.check, 3)
        expect(page.locator("#facts")).not_to_have_text(shown, timeout=10_000)


def test_the_page_follows_what_comes_and_keeps_what_is_open(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    begun = timezone.now() - timedelta(minutes=5)
    make_ping(site.check, 2, action="start", received_at=begun)
    make_ping(site.check, 3, received_at=begun + timedelta(seconds=20))
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check", args=[site.check.code]))
        page.get_by_text("As a table").click()
        ping_by_hand(site.check, 4)
        Check.objects.update(status="down", due_at=None, down_at=None)
        expect(page.locator("#head .status")).to_have_text("Down", timeout=10_000)
        expect(page).to_have_title("nightly dump: down · Stillhere")
        expect(page.locator("#icon")).to_have_attribute("href", "/static/web/mark-down.svg")
        assert rows(page) == 4
        expect(page.locator("#runs table")).to_be_visible()


def test_older_rows_join_the_table(chromium: Browser, live_server: LiveServer, site: World) -> None:
    for n in range(2, 121):
        make_ping(site.check, n)
    with opened(chromium, live_server) as page:
        sign_in(page)
        page.goto(reverse("check", args=[site.check.code]))
        assert rows(page) == 50
        page.get_by_role("link", name="Older pings").click()
        expect(page.locator("#log-table .n a")).to_have_count(100)
        page.get_by_role("link", name="Older pings").click()
        expect(page.locator("#log-table .n a")).to_have_count(120)
        expect(page.get_by_role("link", name="Older pings")).to_have_count(0)
        numbers = page.locator("#log-table .n a").all_inner_texts()
        assert [int(text.split()[-1]) for text in numbers] == list(range(120, 0, -1))
        ping_by_hand(site.check, 121)
        expect(page.locator("#log-table .n a")).to_have_count(121, timeout=10_000)


def test_the_zone_follows_a_choice_and_the_browser_offers_its_own(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    zone = chromium.new_context(base_url=live_server.url, timezone_id="Asia/Tokyo")
    page = zone.new_page()
    sign_in(page)
    page.goto(reverse("check", args=[site.check.code]) + "?said=success")
    page.get_by_label("Times in").select_option("Asia/Tokyo")
    expect(page.get_by_role("columnheader", name="Received, Asia/Tokyo")).to_be_visible()
    assert "said=success" in page.url
    page.locator("#log-table .n a").first.click()
    expect(page.get_by_text("Received, Asia/Tokyo")).to_be_visible()
    page.get_by_role("link", name="In the log").click()
    expect(page.get_by_role("columnheader", name="Received, Asia/Tokyo")).to_be_visible()
    zone.close()


def test_figures_fit_a_small_phone(chromium: Browser, live_server: LiveServer, site: World) -> None:
    now = timezone.now()
    Check.objects.update(status="up", created_at=now - timedelta(days=90))
    for days, old, new in ((40, "up", "down"), (38.2, "down", "up"), (0.3, "up", "down")):
        at = now - timedelta(days=days)
        Flip.objects.create(check_ref=site.check, at=at, old_status=old, new_status=new)
    for n in range(1_000, 1_040):
        action = "success" if n % 2 else "start"
        at = now - timedelta(seconds=(1_040 - n) * 3_599)
        make_ping(site.check, n, action=action, received_at=at, body=b"{}", exit_status=0)
    with opened(chromium, live_server, width=320) as page:
        sign_in(page)
        for path in (
            reverse("check", args=[site.check.code]),
            reverse("ping", args=[site.check.code, 1_001]),
        ):
            page.goto(path)
            for details in page.locator("main details").all():
                details.evaluate("it => { it.removeAttribute('name'); it.open = true; }")
            assert page.evaluate("document.documentElement.scrollWidth") == 320, path


def test_everything_works_without_javascript(
    chromium: Browser, live_server: LiveServer, site: World
) -> None:
    for n in range(2, 61):
        make_ping(site.check, n)
    fresh = Check.objects.create(project=site.project, name="fresh")
    context = chromium.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    page.goto(reverse("check", args=[site.check.code]))
    page.get_by_label("Times in").select_option("UTC")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Older pings").click()
    assert rows(page) == 10
    page.get_by_role("link", name="Newest").click()
    assert rows(page) == 50
    page.get_by_text("Filter", exact=True).first.click()
    page.get_by_label("fail", exact=True).check()
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No ping that is kept matches the filter.")).to_be_visible()
    page.goto(reverse("check", args=[fresh.code]))
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    ping_by_hand(fresh, 1)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#head .status")).to_have_text("Up")
    context.close()
