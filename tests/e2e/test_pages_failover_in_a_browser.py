"""A person without script meets a failover: the page comes back, and no form is lost."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.clusters import running_pair
from tests.e2e.ping_server import PingServer
from tests.e2e.service import wait_for
from tests.e2e.visitor import Visitor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.own_database,
    pytest.mark.browser,
    pytest.mark.long,
]
PATIENCE_MS = 90_000
NAME = 'Nightly "dump" <of> Ærø'


def test_a_page_comes_back_by_itself_and_a_form_is_sent_again(
    chromium: Browser, tmp_path: Path
) -> None:
    with running_pair() as pair:
        server = PingServer.on(pair.url, tmp_path / "one")
        try:
            server.manage("migrate", "--verbosity=0")
            server.start("receiver", "drain")
            server.start("pages")
            visitor = Visitor.at(server)
            wait_for(
                lambda: visitor.get(visitor.checks).status == 200, "a page", server.log,
                timeout_seconds=90,
            )  # fmt: skip
            look, form = pages(chromium, visitor)
            pair.catch_up()
            pair.primary.stop()
            send(form)
            heading(form, "Nothing was saved yet")
            form.get_by_role("button", name="Send it again").click()
            heading(form, "Nothing was saved yet")
            look.reload()
            heading(look, "One moment, please")
            pair.promote()
            # Nobody touches this one.
            look.get_by_role("heading", level=1).filter(has_text="One moment").wait_for(
                state="detached", timeout=PATIENCE_MS
            )
            assert look.url.endswith(visitor.checks)
            again(form)
            look.reload()
            assert look.get_by_role("link", name=NAME).count() == 1
            assert pair.standby.ask("SELECT name FROM checks_check") == [(NAME,)]
        finally:
            server.close()


def pages(chromium: Browser, visitor: Visitor) -> tuple[Page, Page]:
    """Open the list, and the form of a new check, without script."""
    root = f"http://localhost:{visitor.server.port}"
    context = chromium.new_context(base_url=root, java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": visitor.session, "url": root}])
    look, form = context.new_page(), context.new_page()
    look.goto(visitor.checks)
    form.goto(f"{visitor.checks}add/")
    return look, form


def send(form: Page) -> None:
    form.get_by_label("Name").fill(NAME)
    form.locator("main form .primary").first.click()


def again(form: Page) -> None:
    """Press the button until it has worked: the first connections may meet the failover."""
    for _ in range(30):
        button = form.get_by_role("button", name="Send it again")
        if not button.count():
            return
        button.click()
        form.wait_for_timeout(500)
    raise AssertionError("the form was never taken")


def heading(page: Page, text: str) -> None:
    page.get_by_role("heading", level=1).filter(has_text=text).wait_for(timeout=PATIENCE_MS)
