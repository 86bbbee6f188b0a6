"""Every page, for everybody: axe-core, small screens, large text, the keyboard alone."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, ConsoleMessage, Page
from pytest_django.live_server_helper import LiveServer

from app.web.middleware import POLICY
from tests.app.pages.every_page import (
    Visit,
    make_rich_world,
    visits,
)
from tests.app.pages.world import World, client_of

# All rules of axe-core but the experimental ones: also "best practice", and the
# size of targets (WCAG 2.2), which axe leaves out unless it is asked.
ALL_RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
# WCAG 1.4.12: what a reader may set, and nothing may be cut off.
SPACED = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
        word-spacing: .16em !important; } p { margin-block-end: 2em !important; }`);
    document.adoptedStyleSheets = [sheet];
}"""
CUT_OFF = """() => [...document.querySelectorAll("main *, header *")].filter(it =>
    getComputedStyle(it).overflowX === "hidden" && !it.closest(".hidden, .sprite, svg")
    && (it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1)
).map(it => it.outerHTML.slice(0, 80))"""
WIDEST = """() => [...document.querySelectorAll("body *")].map(
    it => [it.getBoundingClientRect().right, it.outerHTML.slice(0, 80)]
).sort((one, other) => other[0] - one[0]).slice(0, 2).join(" ; ")"""
OPEN_ALL = "document.querySelectorAll('main details').forEach(it => { it.open = true })"
SEND = """fields => {
    const form = document.querySelector("main form");
    for (const [name, value] of Object.entries(fields)) {
        const radio = form.querySelector(`[name="${name}"][value="${value}"]`);
        if (radio) radio.checked = true; else form.elements[name].value = value;
    }
    form.noValidate = true;
    form.requestSubmit(form.querySelector(".primary"));
}"""


@pytest.mark.django_db
@pytest.mark.browser
def test_every_page_is_for_everybody(chromium: Browser, live_server: LiveServer) -> None:
    world = make_rich_world()
    found: dict[str, list[str]] = {}
    with opened(chromium, live_server, world) as pages:
        for visit in visits(world):
            page = pages[visit.is_signed_in]
            if complaints := [*come(page, visit), *examined(page)]:
                found[f"{visit.title} ({visit.path})"] = complaints
    assert not found, json.dumps(found, indent=1)


@pytest.mark.browser
def test_what_is_wrong_is_found(chromium: Browser, live_server: LiveServer) -> None:
    wrong = """<!doctype html><title>x</title><p style="color: red">No inline style.
        <p><font color="#bbbbbb">Hard to read.</font><img src="/static/web/mark.svg" width="700">"""
    with opened(chromium, live_server, make_rich_world()) as pages:
        said = come(pages[False], Visit("wrong", "/wrong/", html=wrong))
        found = " ".join([*said, *examined(pages[False])])
    for sign in ("style-src", "html-has-lang", "image-alt", "color-contrast", "sideways at 640"):
        assert sign in found


@contextmanager
def opened(chromium: Browser, live_server: LiveServer, world: World) -> Iterator[dict[bool, Page]]:
    """Open a page for somebody who is signed in (True) and one for a stranger (False)."""
    client, pages = client_of(world.owner), {}
    for is_signed_in in (True, False):
        # Colours that are still on their way to the other theme are nobody's fault.
        context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
        if is_signed_in:
            context.add_cookies([cookie_of(client, live_server)])
        pages[is_signed_in] = context.new_page()
    yield pages


def cookie_of(client: Client, live_server: LiveServer) -> SetCookieParam:
    session = client.cookies["sessionid"].value
    return {"name": "sessionid", "value": session, "url": live_server.url}


def come(page: Page, visit: Visit) -> list[str]:
    """Open the page; return what the console says of it, which is where the policy complains."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Answers that say what is wrong are 4xx, and Chromium notes that.
        if "status of 4" not in message.text:
            said.append(message.text)

    page.on("console", note)
    if visit.html:
        headers = {"Content-Type": "text/html", "Content-Security-Policy": POLICY}
        page.route(f"**{visit.path}", lambda it: it.fulfill(body=visit.html, headers=headers))
    answer = page.goto(visit.path)
    assert answer
    if not visit.html and not visit.fields and answer.status not in (200, 404, 410):
        said.append(f"answered {answer.status}")
    if visit.fields:
        with page.expect_navigation():
            page.evaluate(SEND, visit.fields)
    page.evaluate(OPEN_ALL)
    page.remove_listener("console", note)
    return said


def examined(page: Page) -> list[str]:
    """Return what is wrong with the page, in both themes and at all sizes."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    found = violations(page, ALL_RULES)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in violations(page, COLOURS)]
    # WCAG 1.4.10: 320 px is also what 1280 px are at 400 % zoom. A browser's zoom
    # of 200 % makes a screen of 1280 px one of 640 px, in CSS as in fact.
    for width in (640, 320):
        found += sideways(page, width, f"at {width} px")
    # WCAG 1.4.4, text alone made larger: what Firefox and phones do.
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    found += sideways(page, 1280, "with text of 200 %")
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.evaluate(SPACED)
    found += sideways(page, 320, "with text spaced out")
    return found + [f"spaced text is cut off: {one}" for one in page.evaluate(CUT_OFF)]


def violations(page: Page, options: Mapping[str, object]) -> list[str]:
    results = Axe().run(page, options=dict(options)).response["violations"]
    return [f"{it['id']}: {node['html'][:120]}" for it in results for node in it["nodes"]]


def sideways(page: Page, width: int, when: str) -> list[str]:
    page.set_viewport_size({"width": width, "height": 900})
    needed = page.evaluate("document.documentElement.scrollWidth")
    return [f"scrolls sideways {when}: {page.evaluate(WIDEST)}"] if needed > width else []
