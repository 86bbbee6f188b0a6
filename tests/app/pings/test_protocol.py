"""What a request says as a ping (app/pings/protocol.py)."""

from ipaddress import ip_network
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.keys import digest
from app.checks.state import Action
from app.pings import protocol
from app.pings.protocol import Answer, Request, Slug, answer_bytes, client_address, parse

CODE = "5f1b2c3d-0001-4002-8003-0123456789ab"
KEY = "abcdefghijklmnopqrstuv"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("path", "action", "exit_status"),
    [
        (CODE, Action.SUCCESS, None),
        (f"{CODE}/", Action.SUCCESS, None),
        (f"{CODE}/start", Action.START, None),
        (f"{CODE}/fail", Action.FAIL, None),
        (f"{CODE}/log", Action.LOG, None),
        (f"{CODE}/0", Action.SUCCESS, 0),
        (f"{CODE}/007", Action.SUCCESS, 7),
        (f"{CODE}/255", Action.SUCCESS, 255),
        (f"//{CODE}//start", Action.START, None),
    ],
)
def test_a_check_is_named_by_its_code(path: str, action: Action, exit_status: int | None) -> None:
    assert parse(path, "") == Request(UUID(CODE), action, exit_status)


@pytest.mark.parametrize(
    ("path", "slug", "action", "exit_status"),
    [
        (f"{KEY}/backup", "backup", Action.SUCCESS, None),
        (f"{KEY}/backup/start", "backup", Action.START, None),
        (f"{KEY}/backup/3", "backup", Action.SUCCESS, 3),
        (f"{KEY}/start", "start", Action.SUCCESS, None),
        (f"{KEY}/start/fail", "start", Action.FAIL, None),
        (f"{KEY}/-1", "-1", Action.SUCCESS, None),
        (f"{KEY}/7", "7", Action.SUCCESS, None),
    ],
)
def test_a_check_is_named_by_ping_key_and_slug(
    path: str, slug: str, action: Action, exit_status: int | None
) -> None:
    assert parse(path, "") == Request(Slug(digest(KEY), slug), action, exit_status)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        CODE.upper(),
        CODE.replace("-", ""),
        f"{CODE}/-1",
        f"{CODE}/startt",
        f"{CODE}/start/",
        f"{CODE}/fail/log",
        f"{CODE}\n",
        f"{KEY}/backup/",
        f"{KEY}/",
        f"{KEY}/back up",
        f"{KEY}/b%C3%A4ckup",
        f"{KEY}/{'s' * 101}",
        "short/backup",
        "start",
    ],
)
def test_what_names_no_check_is_not_found(path: str) -> None:
    assert parse(path, "") is None


@pytest.mark.parametrize(
    ("path", "query", "fault"),
    [
        (f"{CODE}/256", "", "invalid url format"),
        (f"{CODE}/{'9' * 5000}", "", "invalid url format"),
        (f"{KEY}/Backup", "", "invalid url format"),
        (CODE, "rid=", "invalid uuid format"),
        (CODE, "rid=nonsense", "invalid uuid format"),
        (CODE, f"rid={CODE.replace('-', '')}", "invalid uuid format"),
        (f"{CODE}/256", "rid=x", "invalid url format"),
    ],
)
def test_a_faulty_request_says_what_is_wrong(path: str, query: str, fault: str) -> None:
    found = parse(path, query)
    assert found is not None
    assert found.fault == fault


def test_a_run_id_may_be_written_in_capitals() -> None:
    found = parse(CODE, f"rid={CODE.upper()}&x=1")
    assert found == Request(UUID(CODE), rid=UUID(CODE))


@pytest.mark.parametrize(
    ("query", "create"),
    [("create=1", True), ("create=0", False), ("create=true", False), ("", False)],
)
def test_only_a_literal_one_creates(query: str, create: bool) -> None:
    found = parse(f"{KEY}/backup/start", query)
    assert found is not None
    assert found.create is create


def test_a_code_creates_nothing() -> None:
    assert parse(CODE, "create=1") == Request(UUID(CODE))


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_address_makes_the_parser_fail(path: str, query: str) -> None:
    parse(path, query)
    parse(f"{CODE}/{path}", query)
    parse(f"{KEY}/{path}", f"rid={query}")


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),
        ("127.0.0.1", ",,,\x00\xff", "127.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
    ],
)
def test_a_forwarded_address_is_believed_only_from_our_own_proxies(
    peer: str, header: str, expected: str
) -> None:
    assert client_address(peer, header, LOOPBACK) == expected


@given(st.text(max_size=300))
def test_no_forwarded_header_fails_a_ping(header: str) -> None:
    assert client_address("127.0.0.1", header, LOOPBACK)


def _head(answer: Answer, **options: bool) -> str:
    kept = {"keep_alive": True, "is_head": False} | options
    return answer_bytes(answer, body_limit=100_000, **kept).decode()


def test_an_answer_carries_what_clients_rely_on() -> None:
    text = _head(protocol.OK)
    assert text.startswith("HTTP/1.1 200 OK\r\n")
    assert text.endswith("\r\n\r\nOK")
    for line in (
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: 2",
        "Ping-Body-Limit: 100000",
        "Access-Control-Allow-Origin: *",
    ):
        assert f"\r\n{line}\r\n" in text


def test_an_error_carries_neither_limit_nor_open_door() -> None:
    for answer in (protocol.NOT_FOUND, protocol.AMBIGUOUS, protocol.BUSY, Answer(400, "no")):
        text = _head(answer)
        assert "Ping-Body-Limit" not in text
        assert "Access-Control" not in text
    assert "\r\nRetry-After: 5\r\n" in _head(protocol.BUSY)


def test_head_has_the_headers_and_no_body() -> None:
    assert _head(protocol.OK, is_head=True) + "OK" == _head(protocol.OK)
