"""The first minutes of somebody who read nothing: from the printed link to the first alert."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.service import Service, new_service, wait_for
from tests.e2e.sinks import HttpSink

pytestmark = [pytest.mark.browser, pytest.mark.processes]

COMMAND = "Command that pings this check"
SOON = 15_000  # ms: a poll comes every five seconds


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Service]:
    """Start the service as it is after a clone: without a mail server."""
    with new_service(tmp_path) as service:
        service.start()
        yield service


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open a browser that fails the test when its console complains."""
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def test_from_the_printed_link_to_the_first_alert(
    fresh: Service, webhooks: HttpSink, page: Page
) -> None:
    sign_in_by_the_printed_link(fresh, page)
    send_the_first_ping(fresh, page)
    add_a_webhook_and_test_it(webhooks, page)
    add_a_cron_job(page)
    let_the_first_job_fall_silent(fresh, webhooks, page)


def sign_in_by_the_printed_link(service: Service, page: Page) -> None:
    page.goto(printed(service, r"http://\S+/sign-in/link/\S+"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    expect(page.locator("#first-ping")).to_contain_text("Waiting for the first ping")


def send_the_first_ping(service: Service, page: Page) -> None:
    """Run the printed command, and touch nothing in the browser."""
    assert run(printed(service, r"curl -fsS http\S+")) == "OK"
    expect(page.locator("#first-ping")).to_contain_text("The first ping is here", timeout=SOON)
    expect(page.locator("#checks .status")).to_have_text("Up", timeout=SOON)


def add_a_webhook_and_test_it(webhooks: HttpSink, page: Page) -> None:
    page.get_by_role("link", name="Channels").click()
    expect(page.get_by_text("E-mail reaches nobody yet.")).to_be_visible()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Address").first.fill(webhooks.url("/down"))
    page.get_by_role("button", name="Add the channel").click()
    expect(page.get_by_text("Send a test to see that it arrives.")).to_be_visible()
    page.get_by_role("button", name=re.compile("Test POST")).click()
    expect(page.get_by_text("The test was delivered.").first).to_be_visible(timeout=SOON)
    assert webhooks.paths() == ["/down"]


def add_a_cron_job(page: Page) -> None:
    page.locator("nav").get_by_role("link", name="Checks").click()
    page.get_by_role("link", name="Add a check").click()
    page.get_by_label("Name").fill("Nightly backup")
    page.get_by_label("Cron expression").check()
    page.get_by_label("Expression", exact=True).fill("30 3 * * *")
    expect(page.locator("#preview")).to_contain_text("At 03:30", timeout=SOON)
    page.get_by_role("button", name="Add the check").click()
    run(page.get_by_label(COMMAND, exact=True).inner_text())
    panel = page.locator("#first-ping")
    expect(panel).to_contain_text("The first ping is here", timeout=SOON)
    expect(page.locator("#head .status")).to_have_text("Up", timeout=SOON)


def let_the_first_job_fall_silent(service: Service, webhooks: HttpSink, page: Page) -> None:
    page.locator("nav").get_by_role("link", name="Checks").click()
    page.get_by_role("link", name="My first job", exact=True).click()
    expect(page.locator("#facts")).to_contain_text("(webhook)")
    page.get_by_role("link", name="Edit").click()
    for name in ("period", "grace"):
        page.locator(f"#id_{name}_0").fill("1")
        page.locator(f"#id_{name}_1").select_option("seconds")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    # The last ping is too old for the new period, and who edits it knows: a new one, then silence.
    run(page.get_by_label(COMMAND, exact=True).inner_text())
    wait_for(lambda: webhooks.paths() == ["/down", "/down"], "the alert", service.output)
    expect(page.locator("#head .status")).to_have_text("Down", timeout=SOON)
    expect(page).to_have_title(re.compile("My first job: down"))


def printed(service: Service, what: str) -> str:
    """Return what the service printed in its terminal."""
    found = re.search(what, service.output())
    assert found is not None, service.output()
    return found[0]


def run(command: str) -> str:
    """Run a command line that was shown; return what it prints."""
    return subprocess.check_output(shlex.split(command), text=True, timeout=20)
