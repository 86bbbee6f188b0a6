"""What every test may ask for, and which tests a run is made of."""

from collections.abc import Iterator

import hypothesis
import pytest
from django.db import connections
from playwright.sync_api import Browser

from tests.browser import running_chromium
from tests.postgresql import Cluster, running_cluster

# No deadline of an example: how fast a busy machine is, is no property of the code.
hypothesis.settings.register_profile("stillhere", deadline=None)
hypothesis.settings.load_profile("stillhere")

_DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}
_DATABASE_MARKS = {"django_db", "processes"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-database",
        action="store_true",
        help="only the tests that touch a database (for a second run, on PostgreSQL)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--only-database"):
        pure = [item for item in items if not _touches_database(item)]
        config.hook.pytest_deselected(items=pure)
        items[:] = [item for item in items if _touches_database(item)]


def _touches_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    marks = {mark.name for mark in item.iter_markers()}
    if "own_database" in marks:
        return False
    return bool(marks & _DATABASE_MARKS or fixtures & _DATABASE_FIXTURES)


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """Do nothing: tests/settings.py gives every worker a database of its own."""


@pytest.fixture
def chromium(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Start a real headless Chromium, Debian's; with `live_server` it can open the pages.

    Playwright keeps an event loop in this thread while it runs. Django then
    would refuse the database, and has other connections than before: data that
    fixtures made is seen only when it is committed (`transactional_db`,
    `live_server`), and only one test may own the loop, hence no wider scope.
    """
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with running_chromium() as browser:
        yield browser
        # What the loop left in this thread, before the loop is gone.
        connections.close_all()


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[Cluster]:
    """Run a durable PostgreSQL cluster, for tests that start real processes on it."""
    with running_cluster() as cluster:
        yield cluster
