import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from app import outbound
from app.outbound import Request, fetch, is_public
from tests.app.alerts.sinks import Answer, HttpSink, http_sink


def _anything(_ip: str) -> bool:
    return True


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_known_as_such(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_a_public_address_is_known_as_such(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_what_python_holds_for_private_we_never_hold_for_public(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_ipv6(address: IPv4Address) -> None:
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    translated = IPv6Address(IPv6Address("64:ff9b::").packed[:12] + address.packed)
    assert is_public(str(mapped)) == is_public(str(translated)) == is_public(str(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "[::ffff:127.0.0.1]", "[::]"]
)
def test_no_spelling_of_our_own_address_gets_through(sink: HttpSink, host: str) -> None:
    response = fetch(Request("GET", f"http://{host}:{sink.port}/"))
    assert "private" in response.error
    assert response.status is None
    assert sink.seen == []


def test_a_name_in_dns_that_is_ours_gets_not_through(sink: HttpSink) -> None:
    name = socket.gethostname()
    addresses = {str(info[4][0]) for info in socket.getaddrinfo(name, sink.port)}
    assert not any(is_public(address) for address in addresses)
    assert "private" in fetch(Request("GET", f"http://{name}:{sink.port}/")).error
    assert sink.seen == []


def test_private_addresses_are_called_when_the_operator_allows_it(
    sink: HttpSink, settings: Settings
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    response = fetch(Request("GET", f"{sink.url}/hello"))
    assert (response.status, response.body, response.error) == (200, b"ok", "")
    assert sink.paths() == ["/hello"]


def test_a_redirect_to_a_private_address_is_refused(sink: HttpSink) -> None:
    sink.answers["/"] = Answer(302, {"Location": f"http://127.0.0.2:{sink.port}/secret"})
    response = fetch(Request("GET", f"{sink.url}/"), permits=lambda ip: ip == "127.0.0.1")
    assert "private" in response.error
    assert sink.paths() == ["/"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/"])
def test_a_redirect_to_another_protocol_is_refused(sink: HttpSink, target: str) -> None:
    sink.answers["/"] = Answer(302, {"Location": target})
    response = fetch(Request("GET", f"{sink.url}/"), permits=_anything)
    assert response.error
    assert b"root:" not in response.body


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "", "x", "http://"])
def test_only_http_and_https_are_spoken(url: str) -> None:
    assert "http://" in fetch(Request("GET", url), permits=_anything).error


def _chain(sink: HttpSink, length: int) -> None:
    for place in range(length):
        sink.answers[f"/{place}"] = Answer(302, {"Location": f"/{place + 1}"})


def test_three_redirects_are_followed(sink: HttpSink) -> None:
    _chain(sink, 3)
    assert fetch(Request("GET", f"{sink.url}/0"), permits=_anything).status == 200
    assert sink.paths() == ["/0", "/1", "/2", "/3"]


def test_a_fourth_redirect_is_not_followed(sink: HttpSink) -> None:
    _chain(sink, 4)
    assert "redirects" in fetch(Request("GET", f"{sink.url}/0"), permits=_anything).error
    assert sink.paths() == ["/0", "/1", "/2", "/3"]


@pytest.mark.parametrize(
    ("status", "method", "body"), [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"x=1")]
)
def test_only_307_and_308_send_the_body_again(
    sink: HttpSink, status: int, method: str, body: bytes
) -> None:
    sink.answers["/"] = Answer(status, {"Location": "/next"})
    fetch(Request("POST", f"{sink.url}/", body=b"x=1"), permits=_anything)
    assert (sink.seen[1].method, sink.seen[1].body) == (method, body)


def test_another_host_is_not_told_the_password(sink: HttpSink) -> None:
    with http_sink() as other:
        sink.answers["/"] = Answer(307, {"Location": f"{other.url}/"})
        headers = {"Authorization": "Bearer secret", "X-Kept": "yes"}
        fetch(Request("GET", f"{sink.url}/", headers), permits=_anything)
        assert sink.seen[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in other.seen[0].headers
        assert other.seen[0].headers["x-kept"] == "yes"


def test_a_large_answer_is_cut_and_counts(sink: HttpSink) -> None:
    sink.answers["/"] = Answer(200, body=b"x" * 10_000_000)
    response = fetch(Request("GET", f"{sink.url}/", keep_bytes=1000), permits=_anything)
    assert (response.status, response.error) == (200, "")
    assert response.body == b"x" * 1000


def test_an_answer_as_long_as_the_limit_is_whole(sink: HttpSink) -> None:
    sink.answers["/"] = Answer(200, body=b"x" * 1000)
    response = fetch(Request("GET", f"{sink.url}/", keep_bytes=1000), permits=_anything)
    assert (response.status, response.body, response.error) == (200, b"x" * 1000, "")


def test_a_server_that_never_answers_costs_the_time_out_and_no_more(sink: HttpSink) -> None:
    release = threading.Event()
    sink.answers["/"] = Answer(after=release)
    began = time.monotonic()
    response = fetch(Request("GET", f"{sink.url}/", timeout_seconds=0.2), permits=_anything)
    took = time.monotonic() - began
    release.set()
    assert response.error == "no complete answer in time"
    assert 0.15 < took < 5


def test_redirects_share_one_time_out(sink: HttpSink) -> None:
    for place in range(3):
        sink.answers[f"/{place}"] = Answer(302, {"Location": f"/{place + 1}"}, delay_seconds=0.4)
    response = fetch(Request("GET", f"{sink.url}/0", timeout_seconds=1.0), permits=_anything)
    assert response.error == "no complete answer in time"


def test_a_closed_port_is_said_in_words() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can take it
        held.bind(("127.0.0.1", 0))
        url = f"http://user:pass@127.0.0.1:{held.getsockname()[1]}/tok"
        response = fetch(Request("GET", url), permits=_anything)
    assert response.error == "no connection: refused or unreachable"


def test_a_name_that_does_not_exist_is_said_in_words() -> None:
    assert fetch(Request("GET", "http://nobody.invalid/")).error == "the host name was not found"


def test_a_request_shows_no_secret_when_printed() -> None:
    request = Request("GET", "http://u:pass@x/?token=hidden", {"X-Key": "hidden"}, b"hidden")
    assert "hidden" not in repr(request)
    assert "pass" not in repr(request)


@pytest.mark.parametrize(
    "headers", [{"X-A": "1\r\nX-B: 2"}, {"X-A\r\nX-B": "2"}, {"X-A": "1\nX-B: 2"}, {"X": "\0"}]
)
def test_a_line_break_never_becomes_a_header(sink: HttpSink, headers: dict[str, str]) -> None:
    assert "line break" in fetch(Request("GET", f"{sink.url}/", headers), permits=_anything).error
    assert sink.seen == []


def test_the_environment_does_not_choose_a_proxy(
    sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_sink() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert fetch(Request("GET", f"{sink.url}/"), permits=_anything).status == 200
        assert proxy.seen == []
    assert sink.paths() == ["/"]


def test_ipv6_works() -> None:
    with http_sink("::1") as sink:
        assert fetch(Request("GET", f"{sink.url}/six"), permits=_anything).status == 200
        assert sink.paths() == ["/six"]


def test_methods_headers_and_bodies_arrive(sink: HttpSink) -> None:
    request = Request("PUT", f"{sink.url}/a?b=c", {"X-One": "ü", "X-Empty": ""}, b"\x00\xff")
    assert fetch(request, permits=_anything).is_ok
    (seen,) = sink.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", "/a?b=c", b"\x00\xff")
    assert seen.headers["x-one"].encode("latin-1") == "ü".encode("latin-1")
    assert seen.headers["x-empty"] == ""
    assert "expect" not in seen.headers


def _self_signed(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))
    return paths


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with http_sink(tls=_self_signed(tmp_path)) as sink:
        response = fetch(Request("GET", f"https://localhost:{sink.port}/"), permits=_anything)
        assert response.error == "the TLS certificate could not be verified"
        assert sink.seen == []


def test_a_certificate_that_is_vouched_for_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = _self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outbound._authorities.cache_clear()
    try:
        with http_sink(tls=(certificate, key)) as sink:
            url = f"https://localhost:{sink.port}/"
            assert fetch(Request("GET", url), permits=_anything).status == 200
            other_name = f"https://127.0.0.1:{sink.port}/"
            assert "TLS" in fetch(Request("GET", other_name), permits=_anything).error
    finally:
        outbound._authorities.cache_clear()


def test_many_threads_fetch_at_once(sink: HttpSink) -> None:
    release = threading.Event()
    results: list[int | None] = []
    for place in range(8):
        sink.answers[f"/{place}"] = Answer(after=release, body=str(place).encode())

    def work(place: int) -> None:
        response = fetch(Request("GET", f"{sink.url}/{place}"), permits=_anything)
        assert response.body == str(place).encode()
        results.append(response.status)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    while len(sink.seen) < 8:
        time.sleep(0.01)
    release.set()
    for thread in threads:
        thread.join()
    assert results == [200] * 8
    assert sink.most_under_way == 8
