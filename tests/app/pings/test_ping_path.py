"""From a request to the rows: a real receiver and a real drain, on both databases."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from uuid import uuid4

import pytest
from django.db import transaction

from app.accounts.keys import digest
from app.accounts.models import Project
from app.checks.models import Check, next_change
from app.pings.models import Ping
from tests.app.pings.rig import PingPath, ping_path
from tests.e2e.service import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

KEY = "k" * 22


@pytest.fixture
def path(transactional_db: None) -> Iterator[PingPath]:
    with ping_path() as running:
        yield running


@pytest.fixture
def check(transactional_db: None) -> Check:
    with transaction.atomic():
        change = next_change()
        project = Project.objects.create(
            name="p", ping_key_digest=digest(KEY), directory_change=change
        )
    return Check.objects.create(project=project, slug="backup")


def pings(check: Check, count: int) -> list[Ping]:
    def enough() -> list[Ping]:
        found = list(check.pings.order_by("n"))
        return found if len(found) >= count else []

    return wait_for(enough, f"{count} pings of {check.slug}")


def test_a_ping_is_acknowledged_and_stored(path: PingPath, check: Check) -> None:
    path.start()
    before = datetime.now(UTC)
    assert path.request(f"/ping/{check.code}", "User-Agent: cron") == (200, "OK")
    (ping,) = pings(check, 1)
    assert before <= ping.received_at <= datetime.now(UTC)
    assert (ping.action, ping.method, ping.user_agent) == ("success", "GET", "cron")
    assert (ping.remote_addr, ping.scheme, ping.body) == ("127.0.0.1", "http", None)


def test_both_loopback_addresses_answer(path: PingPath, check: Check) -> None:
    path.start()
    request = f"GET /ping/{check.code} HTTP/1.0\r\n\r\n".encode()
    for host in ("127.0.0.1", "::1"):
        assert path.raw(request, host).endswith(b"\r\n\r\nOK")
    assert {ping.remote_addr for ping in pings(check, 2)} == {"127.0.0.1", "::1"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_any_method_is_a_ping(path: PingPath, check: Check, method: str) -> None:
    path.start()
    status, text = path.request(f"/ping/{check.code}", method=method)
    assert (status, text) == (200, "" if method == "HEAD" else "OK")
    assert pings(check, 1)[0].method == method


def test_a_check_can_be_pinged_as_soon_as_it_is_there(path: PingPath, check: Check) -> None:
    path.start()
    assert path.request(f"/ping/{check.code}")[0] == 200
    for number in range(5):
        new = Check.objects.create(project=check.project, slug=f"new-{number}")
        assert path.request(f"/ping/{new.code}") == (200, "OK")
        pings(new, 1)


def test_create_makes_a_check_once_and_a_strange_one_is_not_found(
    path: PingPath, check: Check
) -> None:
    path.start()
    pinged = f"/ping/{KEY}/nightly"
    assert path.request(pinged) == (404, "not found")
    assert path.request(f"{pinged}/start?create=1") == (201, "Created")
    assert path.request(f"{pinged}?create=1") == (200, "OK")
    assert path.request(f"{pinged}/256?create=1") == (400, "invalid url format")
    assert path.request(f"/ping/{'z' * 22}/nightly?create=1") == (404, "not found")
    assert path.request(f"/ping/{uuid4()}") == (404, "not found")
    made = Check.objects.get(slug="nightly")
    assert [ping.action for ping in pings(made, 2)] == ["start", "success"]
    assert Check.objects.count() == 2


def test_bad_input_gets_a_clear_answer_and_no_ping(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    assert path.request(f"/ping/{check.code}?rid=x") == (400, "invalid uuid format")
    assert path.request(f"/ping/{check.code}/256") == (400, "invalid url format")
    assert path.request(f"/ping/{KEY}/Backup")[0] in (400, 404)
    assert path.request("/ping/" + "x" * 100_000)[0] in (414, 431)
    assert path.request(f"/ping/{check.code}", "X: " + "y" * 100_000)[0] == 431
    many = [f"X-{number}: 1" for number in range(300)]
    assert path.request(f"/ping/{check.code}", *many)[0] == 431
    for nonsense in (b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" * 50):
        assert path.raw(nonsense).startswith(b"HTTP/1.1 400")
    assert path.request("ping")[0] == 400
    assert check.pings.count() == 1


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["X-Forwarded-For: \xff\xfe, ][, unknown"], b""),
        (["X-Forwarded-For: " + ", ".join(["1.2.3.4"] * 500)], b""),
        (["X-Forwarded-Proto: https, https, gopher"], b""),
        (["User-Agent: " + "\xe4" * 500], b""),
        (["Content-Type: nonsense/\xff"], b"\xff\xfe\x00 not UTF-8"),
        (["Expect: 100-continue"], b"x" * 20),
    ],
)
def test_odd_input_is_a_recorded_ping(
    path: PingPath, check: Check, headers: list[str], body: bytes
) -> None:
    path.start()
    lines = [f"POST /ping/{check.code} HTTP/1.1", "Connection: close", *headers]
    lines.append(f"Content-Length: {len(body)}")
    answer = path.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    assert answer.endswith(b"\r\n\r\nOK"), answer
    (ping,) = pings(check, 1)
    assert bytes(ping.body or b"") == body
    assert len(ping.user_agent) <= 200


def test_a_large_body_is_cut_and_not_refused(path: PingPath, check: Check) -> None:
    path.start()
    body = bytes(range(256)) * 12_000
    assert path.request(f"/ping/{check.code}", method="POST", body=body) == (200, "OK")
    client = HTTPConnection("127.0.0.1", path.port, timeout=10)
    chunks = (body[start : start + 5_000] for start in range(0, len(body), 5_000))
    client.request("POST", f"/ping/{check.code}", body=chunks, encode_chunked=True)
    assert client.getresponse().read() == b"OK"
    client.close()
    whole, chunked = pings(check, 2)
    assert bytes(whole.body or b"") == bytes(chunked.body or b"") == body[:100_000]


def test_pipelined_requests_are_answered_in_order(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    wanted = [f"/ping/{check.code}", f"/ping/{uuid4()}", f"/ping/{check.code}/256", "/-/accepting"]
    last = "HTTP/1.1\r\nConnection: close\r\n\r\n"
    requests = "".join(f"GET {one} HTTP/1.1\r\n\r\n" for one in wanted * 30)
    answer = path.raw(f"{requests}GET /-/prompt {last}".encode()).decode()
    statuses = [int(part.split()[0]) for part in answer.split("HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 400, 200] * 30 + [200]
    assert len(pings(check, 31)) == 31


def test_a_connection_is_kept_for_many_pings(path: PingPath, check: Check) -> None:
    path.start()
    client = HTTPConnection("127.0.0.1", path.port, timeout=10)
    for _ in range(20):
        client.request("GET", f"/ping/{check.code}")
        assert client.getresponse().read() == b"OK"
    client.close()
    pings(check, 20)


def test_health_is_told_to_our_own_balancers_only(path: PingPath) -> None:
    path.start()
    assert path.request("/-/accepting") == (200, "accepting")
    assert path.request("/-/prompt") == (200, "prompt")
    assert path.request("/-/accepting", "X-Forwarded-For: 203.0.113.9")[0] == 404
    assert path.request("/-/other")[0] == 404


def test_a_full_journal_answers_503_and_says_so(transactional_db: None, check: Check) -> None:
    with ping_path(JOURNAL_LIMIT_BYTES=str(2**20), SEGMENT_BYTES="100000") as path:
        path.start()
        path.request(f"/ping/{check.code}")
        path.kill("drain")
        body = b"x" * 60_000
        answers = [path.request(f"/ping/{check.code}", method="POST", body=body) for _ in range(25)]
        statuses = [status for status, _ in answers]
        assert statuses == sorted(statuses)
        assert statuses.count(200) > 10
        assert statuses.count(503) > 5
        assert path.request("/-/accepting") == (503, "not accepting")
        path.start("drain")
        wait_for(
            lambda: path.request(f"/ping/{check.code}")[0] == 200, "room in the journal", path.log
        )
        assert path.request("/-/accepting") == (200, "accepting")
        pings(check, statuses.count(200) + 2)
        assert {ping.action for ping in pings(check, 1)} == {"success"}


def test_an_acknowledged_ping_is_visible_within_100_ms(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    waits = []
    for number in range(2, 32):
        path.request(f"/ping/{check.code}")
        begin = time.monotonic()
        while Check.objects.values_list("n_pings", flat=True).get(pk=check.pk) < number:
            assert time.monotonic() - begin < 1
            time.sleep(0.001)
        waits.append(time.monotonic() - begin)
        time.sleep(0.02)
    assert statistics.median(waits) < 0.1
