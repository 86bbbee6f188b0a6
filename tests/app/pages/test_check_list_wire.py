"""The first view of the list is small on the wire, everything counted."""

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from socketserver import ThreadingMixIn
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Response

from app.checks.models import Check
from app.wsgi import application
from tests.app.pages.world import World, client_of, make_world

pytestmark = pytest.mark.browser

MOST_BYTES = 40_000


class Server(ThreadingMixIn, WSGIServer):
    """The pages with their whole middleware; `live_server` has its own way with static files."""

    daemon_threads = True

    def process_request_thread(self, request: object, client_address: object) -> None:
        super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        connections.close_all()


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(transactional_db: None) -> Iterator[str]:
    with make_server("localhost", 0, application, Server, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def world(server: str) -> World:
    """Return a project with 120 checks that have names, tags and schedules like anybody's."""
    world, now = make_world(), timezone.now()
    Check.objects.bulk_create(
        Check(
            project=world.project,
            name=f"{('backup', 'sync', 'report')[number % 3]} of host-{number:03}",
            tags=("prod db", "staging", "")[number % 3],
            status=("up", "up", "down", "paused")[number % 4],
            last_ping_at=now,
            status_since=now,
            kind=("simple", "cron")[number % 2],
            schedule=f"{number % 60} * * * *",
        )
        for number in range(120)
    )
    return world


def fetched(url: str) -> int:
    """Return how many bytes a GET brings that takes gzip, headers included."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    connection.request("GET", parts.path, headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    assert response.status == 200, url
    size = len(response.read()) + len(str(response.headers))
    connection.close()
    return size


def test_the_first_view_fits_into_40_kilobytes(
    chromium: Browser, server: str, world: World
) -> None:
    context = chromium.new_context(base_url=server)
    session = client_of(world.owner).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": server}])
    page, responses = context.new_page(), list[Response]()
    page.on("response", lambda response: responses.append(response))
    page.goto(reverse("checks", args=[world.project.code]), wait_until="networkidle")
    assert page.get_by_role("row").count() == 101
    sizes: dict[str, int] = {}
    for response in responses:
        size = response.request.sizes()
        sizes[response.url] = size["responseBodySize"] + size["responseHeadersSize"]
    for element, attribute in (("link[rel=icon]", "href"), ("script", "src")):
        for found in page.locator(element).all():
            url = f"{server}{found.get_attribute(attribute)}"
            sizes[url] = max(sizes.get(url, 0), fetched(url))  # a headless browser wants no icon
    context.close()
    for url, bytes_sent in sizes.items():
        print(f"{bytes_sent:7,}  {urlsplit(url).path}")  # noqa: T201
    assert len(sizes) == 5  # the page, the stylesheet, two scripts, the icon
    assert sum(sizes.values()) <= MOST_BYTES
