"""With the database well, an acknowledged ping is in the pages at once."""

import http.cookiejar
import re
import statistics
import time
import urllib.request
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from tests.e2e.service import Service
from tests.e2e.world import new_job

pytestmark = pytest.mark.processes


class Browser:
    """A session of the user that the first run made."""

    def __init__(self, service: Service) -> None:
        self._service = service
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def open(self, path: str, form: bytes | None = None) -> str:
        request = urllib.request.Request(self._service.url(path), form)  # noqa: S310 (http it is)
        request.add_header("Referer", self._service.url("/"))
        with self._opener.open(request, timeout=5) as answer:
            return str(answer.read().decode())

    def finds(self, path: str) -> bool:
        """Return True when there is a page, False when there is nothing yet."""
        try:
            self.open(path)
        except HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    def sign_in(self, email: str) -> None:
        program = f"""
from datetime import UTC, datetime
from app.accounts.models import User
from app.accounts.sign_in import make_link
result = make_link(User.objects.get(email="{email}"), datetime.now(UTC))
"""
        path = urlsplit(self._service.evaluate(program)).path
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.open(path))
        assert token is not None
        self.open(path, f"csrfmiddlewaretoken={token[1]}".encode())


def test_an_acknowledged_ping_is_visible_at_once(service: Service) -> None:
    job = new_job(service, period_seconds=3600)
    browser = Browser(service)
    browser.sign_in("ada@example.org")
    took = []
    for number in range(1, 41):
        assert job.ping() == "OK"
        acknowledged = time.monotonic()
        while not browser.finds(f"/checks/{job.code}/pings/{number}/"):
            assert time.monotonic() - acknowledged < 1
        took.append(time.monotonic() - acknowledged)
        time.sleep(0.05)  # a small load
    print(f"visible after p50 {statistics.median(took):.3f} s, max {max(took):.3f} s")  # noqa: T201
    assert statistics.median(took) < 0.1


def test_a_ping_that_is_drained_before_its_receiver_is_back_in_touch_is_not_queued(
    service: Service,
) -> None:
    job = new_job(service, period_seconds=3600)
    for _ in range(3):
        old = service.kill("drain")
        assert job.ping() == "OK"
        service.wait_until_back("drain", old)
        time.sleep(2.5)  # a line of the log each second, while something is queued
    # Were it still queued, the oldest would wait for 7 s by now.
    waited = [int(found) for found in re.findall(r"dwell_ms=(\d+)", service.output())]
    assert max(waited) < 5_000
