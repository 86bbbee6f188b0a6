"""A real headless Chromium, Debian's: this is where tests start it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

_EXECUTABLE = Path("/usr/bin/chromium")
# Its own sandbox does not work as root; and it is to ask for nothing but what a page has.
_ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking")


@contextmanager
def running_chromium(*arguments: str, home: Path | None = None) -> Iterator[Browser]:
    """Give a browser; its settings and its authorities are those of `home`, if it is given."""
    if not _EXECUTABLE.exists():
        pytest.fail("Chromium is not installed. As root, `make setup` installs it.")
    environment: dict[str, str | float | bool] = {**os.environ}
    if home:
        environment["HOME"] = str(home)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_EXECUTABLE, args=[*_ARGUMENTS, *arguments], env=environment
        )
        yield browser
        browser.close()
