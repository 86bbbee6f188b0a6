"""The keyboard alone: every control is reached, in order, is seen to be, and acts."""

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from app.checks.models import Check
from tests.app.pages.every_page import make_rich_world
from tests.app.pages.test_accessibility import OPEN_ALL, opened
from tests.app.pages.world import World

pytestmark = pytest.mark.browser

# The controls that are seen, in the order of the document; radio buttons of one
# name are one stop.
CONTROLS = """() => {
    const seen = new Set();
    const kinds = "a[href], button, input, select, textarea, summary, [tabindex]";
    const all = document.querySelectorAll(kinds);
    return [...all].filter(it => {
        if (it.tabIndex < 0 || it.type === "hidden" || !it.checkVisibility()) return false;
        if (it.tagName === "MAIN") return false;
        if (it.type !== "radio") return true;
        return seen.has(it.name) ? false : seen.add(it.name);
    }).map((it, place) => { it.dataset.place = place; return name(it); });
    function name(it) { return it.outerHTML.slice(0, 90); }
}"""
FOCUSED = """() => {
    const it = document.activeElement;
    const style = getComputedStyle(it);
    const isRadio = it.type === "radio";
    const first = isRadio ? document.querySelector(`[name="${it.name}"][data-place]`) : it;
    return {
        place: first.dataset.place === undefined ? -1 : Number(first.dataset.place),
        outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    };
}"""


@pytest.mark.parametrize("name", ["checks", "check", "check_edit", "channels"])
def test_the_tab_key_reaches_every_control_in_order_and_shows_where_it_is(
    name: str, chromium: Browser, live_server: LiveServer
) -> None:
    world = make_rich_world()
    with opened(chromium, live_server, world) as pages:
        page = pages[True]
        page.route("**/*", without_news)
        page.goto(path_of(name, world))
        page.evaluate(OPEN_ALL)
        controls = page.evaluate(CONTROLS)
        assert len(controls) > 5
        for place, control in enumerate(controls):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            while focused["place"] == place - 1:  # day, month and year of one date
                page.keyboard.press("Tab")
                focused = page.evaluate(FOCUSED)
            assert focused["place"] == place, control
            assert focused["outline"] >= 2, f"the focus is not seen on {control}"


def without_news(route: Route) -> None:
    """Let nothing change while we walk: a swap brings controls that were not counted."""
    if "hx-request" in route.request.headers:
        route.fulfill(status=204)
    else:
        route.continue_()


def path_of(name: str, world: World) -> str:
    code = world.check.code if name.startswith("check_") or name == "check" else world.project.code
    return reverse(name, args=[code])


def focus(page: Page, text: str) -> None:
    """Press Tab until the control with that text has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == text:
            return
    pytest.fail(f"the Tab key does not reach {text!r}")


def test_enter_and_space_do_what_a_click_does(chromium: Browser, live_server: LiveServer) -> None:
    world = make_rich_world()
    with opened(chromium, live_server, world) as pages:
        page = pages[True]
        page.goto(path_of("checks", world))
        focus(page, "nightly dump")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="nightly dump")).to_be_visible()
        focus(page, "Pause")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        assert Check.objects.get(pk=world.check.pk).status == "paused"
        page.goto(path_of("check_edit", world))
        focus(page, "Which pings count")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(page.get_by_label("When paused, stay paused")).to_be_checked()
        page.get_by_label("Name", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="nightly dump")).to_be_visible()
        assert Check.objects.get(pk=world.check.pk).manual_resume


def test_the_arrows_choose_the_kind_of_schedule(chromium: Browser, live_server: LiveServer) -> None:
    world = make_rich_world()
    with opened(chromium, live_server, world) as pages:
        page = pages[True]
        page.goto(path_of("check_edit", world))
        page.get_by_label("Cron expression").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_label("Every so often")).to_be_checked()
        expect(page.get_by_label("Period", exact=True)).to_be_visible()
        expect(page.locator("#preview")).to_contain_text("Every day")


def test_the_skip_link_leads_past_the_header(chromium: Browser, live_server: LiveServer) -> None:
    world = make_rich_world()
    with opened(chromium, live_server, world) as pages:
        page = pages[True]
        page.goto(path_of("checks", world))
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        inside = "document.querySelector('main').contains(document.activeElement)"
        assert page.evaluate(inside)
