"""The one door for HTTP out: other people's addresses are only spoken to from here.

What a webhook names may be our own database or a cloud's metadata service. So
the address that is *connected* to is checked, not the name: a name that
resolves to something else a moment later gains nothing. Expected failures of
the network are values with an `error` that a person understands.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6, socket
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pycurl
from django.conf import settings

MAX_REDIRECTS = 3
MAX_URL_CHARS = 8_000
_REDIRECTS = {301, 302, 303, 307, 308}
_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}
_PRIVATE = "the address is private or reserved, and this server does not call those"

# What may be reached, as IANA's special-purpose registries have it in 2025. Our
# own list, because ipaddress.is_global differs between Python's patch releases.
_RESERVED_4 = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/3"),
)
_GLOBAL_6 = IPv6Network("2000::/3")
# IETF assignments with Teredo, documentation twice, 6to4.
_RESERVED_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16")
)
# IPv4 in IPv6: mapped, and through the well-known NAT64 prefix.
_EMBEDS_4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

Permits = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. `timeout_seconds` is for everything, redirects included.

    Of the answer's body at most `keep_bytes` are read; then the connection is cut.
    """

    method: str
    url: str = field(repr=False)  # may hold a password or a token
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    connect_timeout_seconds: float = 5.0
    timeout_seconds: float = 30.0
    keep_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered. `error` is empty when there was an answer; else `status` is None."""

    status: int | None
    body: bytes = b""
    error: str = ""

    @property
    def is_ok(self) -> bool:
        """Return True for an answer of the 2xx kind."""
        return self.status is not None and 200 <= self.status < 300


def fetch(request: Request, permits: Permits | None = None) -> Response:
    """Send the request and follow at most three redirects. Safe to call in any thread.

    `permits` says which addresses may be connected to: by default public ones,
    and all with ALLOW_PRIVATE_ADDRESSES.
    """
    permits = permits or (_anything if settings.ALLOW_PRIVATE_ADDRESSES else is_public)
    deadline = monotonic() + request.timeout_seconds
    for _ in range(MAX_REDIRECTS + 1):
        refusal = _refusal(request)
        if refusal:
            return Response(None, error=refusal)
        left = max(deadline - monotonic(), 0.001)
        response, location = _perform(request, permits, left)
        if not location:
            return response
        request = _redirected(request, response.status, location)
    return Response(None, error=f"more than {MAX_REDIRECTS} redirects")


def is_public(address: str) -> bool:
    """Return True when the address is one that the whole internet reaches."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _RESERVED_4)
    if any(ip in network for network in _EMBEDS_4):
        return is_public(str(IPv4Address(ip.packed[-4:])))
    return _is_public_6(ip)


def _is_public_6(ip: IPv6Address) -> bool:
    return ip in _GLOBAL_6 and not any(ip in network for network in _RESERVED_6)


def _anything(_address: str) -> bool:
    return True


def _refusal(request: Request) -> str:
    """Return why the request cannot be sent at all, or nothing."""
    try:
        parts = urlsplit(request.url)
        is_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_web = False
    if not is_web:
        return "the address has to begin with http:// or https:// and name a host"
    if len(request.url) > MAX_URL_CHARS:
        return f"the address is longer than {MAX_URL_CHARS} characters"
    lines = (request.method, request.url, *request.headers, *request.headers.values())
    if any(char in line for line in lines for char in "\r\n\0"):
        return "the address or a header holds a line break"
    return ""


def _redirected(request: Request, status: int | None, location: str) -> Request:
    """Return the next request, as browsers do: only 307 and 308 send the body again."""
    if urlsplit(request.url)[:2] != urlsplit(location)[:2]:
        kept = {k: v for k, v in request.headers.items() if k.lower() not in _SECRET_HEADERS}
        request = replace(request, headers=kept)
    if status in (307, 308):
        return replace(request, url=location)
    return replace(request, url=location, method="GET", body=None)


def _perform(request: Request, permits: Permits, seconds: float) -> tuple[Response, str]:
    """Make one exchange. Returns the answer and where it redirects to, if it does."""
    curl = pycurl.Curl()
    kept = bytearray()
    opened: list[socket] = []
    refused: list[str] = []

    def keep(data: bytes) -> int:
        kept.extend(data[: request.keep_bytes - len(kept)])
        # Anything but the length makes curl cut the connection.
        return len(data) if len(kept) < request.keep_bytes else 0

    def open_socket(_purpose: int, address: Any) -> socket | int:
        ip = str(address.addr[0]) if address.family in (AF_INET, AF_INET6) else ""
        if not ip or not permits(ip):
            refused.append(ip)
            return int(pycurl.SOCKET_BAD)
        opened.append(socket(address.family, address.socktype, address.protocol))
        return opened[-1]

    try:
        _set_up(curl, request, seconds)
        curl.setopt(pycurl.WRITEFUNCTION, keep)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, open_socket)
        error = _run(curl, is_full=lambda: len(kept) >= request.keep_bytes)
        if error:
            return Response(None, error=_PRIVATE if refused and not opened else error), ""
        status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        location = curl.getinfo(pycurl.REDIRECT_URL) if status in _REDIRECTS else None
        return Response(status, bytes(kept)), location or ""
    finally:
        curl.close()
        for ours in opened:  # curl works on a copy
            ours.close()


def _set_up(curl: pycurl.Curl, request: Request, seconds: float) -> None:
    options = {
        pycurl.URL: request.url.encode(),
        pycurl.CUSTOMREQUEST: request.method,
        pycurl.CONNECTTIMEOUT_MS: int(min(request.connect_timeout_seconds, seconds) * 1000) or 1,
        pycurl.TIMEOUT_MS: int(seconds * 1000) or 1,
        pycurl.NOSIGNAL: 1,  # its alarm would end a thread
        pycurl.PROXY: "",  # the environment must not choose where we go
        pycurl.FOLLOWLOCATION: 0,  # fetch() does, with one clock for all hops
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.SSL_VERIFYPEER: 1,
        pycurl.SSL_VERIFYHOST: 2,
        pycurl.HTTPHEADER: [_header(name, value) for name, value in request.headers.items()]
        + ["Expect:"],
    }
    if request.method == "HEAD":
        options[pycurl.NOBODY] = 1
    elif request.body is not None:
        options |= {pycurl.POST: 1, pycurl.POSTFIELDS: request.body}
    authorities = _authorities()
    if authorities:
        options[pycurl.CAINFO] = authorities
    for option, value in options.items():
        curl.setopt(option, value)


def _header(name: str, value: str) -> bytes:
    # "name;" is how curl is told to send a header without a value.
    line = f"{name}: {value}" if value.strip() else f"{name};"
    return line.encode("latin-1", "xmlcharrefreplace")


@lru_cache(maxsize=1)
def _authorities() -> str:
    """Return the system's file of certificate authorities; pycurl's wheel brings none."""
    paths = ssl.get_default_verify_paths()
    found = (paths.cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((path for path in found if path and Path(path).exists()), "")


def _run(curl: pycurl.Curl, is_full: Callable[[], bool]) -> str:
    """Return what went wrong, in words, or nothing."""
    try:
        curl.perform()
    except pycurl.error as error:
        number, message = error.args
        if number == pycurl.E_WRITE_ERROR and is_full():
            return ""
        return _words(number, str(message))
    return ""


def _words(number: int, message: str) -> str:
    """Return curl's error for a person. curl's own words name the host, never the path."""
    known = {
        pycurl.E_COULDNT_RESOLVE_HOST: "the host name was not found",
        pycurl.E_COULDNT_CONNECT: "no connection: refused or unreachable",
        pycurl.E_OPERATION_TIMEDOUT: "no complete answer in time",
        pycurl.E_PEER_FAILED_VERIFICATION: "the TLS certificate could not be verified",
        pycurl.E_SSL_CONNECT_ERROR: "no TLS connection",
        pycurl.E_GOT_NOTHING: "the server closed the connection without an answer",
        pycurl.E_RECV_ERROR: "the connection broke while reading the answer",
        pycurl.E_SEND_ERROR: "the connection broke while sending",
        pycurl.E_URL_MALFORMAT: "the address cannot be understood",
    }
    return known.get(number, f"{message} (curl error {number})")
