"""What an HTTP request says as a ping, and how pings are answered. Pure.

The rules are those of docs/protocol.md. A request is parsed before anything is
looked up; a fault in it (`Request.fault`) is answered only when its target is
known, because an unknown target is 404 whatever else is wrong.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import parse_qs, unquote
from uuid import UUID

from app.accounts.keys import digest
from app.checks.state import Action
from app.env import Network

PREFIX = "/ping/"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_END = r"(?:/(?:(?P<action>start|fail|log)|(?P<status>[0-9]+)))?"
_BY_CODE = re.compile(rf"(?P<code>{_UUID})(?:/|{_END})", re.ASCII)
_BY_SLUG = re.compile(rf"(?P<key>[A-Za-z0-9_-]{{22}})/(?P<slug>[A-Za-z0-9_-]{{1,100}}){_END}")
_RID = re.compile(_UUID, re.IGNORECASE | re.ASCII)
_SLUG = re.compile(r"[a-z0-9_-]+")

USER_AGENT_CHARS = 200
METHOD_CHARS = 10


@dataclass(frozen=True, slots=True)
class Slug:
    """A check named by the digest of its project's ping key, and its slug."""

    key_digest: str
    slug: str


@dataclass(frozen=True, slots=True)
class Request:
    """A ping as it was asked for. `fault` is the text of a 400, if any."""

    target: UUID | Slug
    action: Action = Action.SUCCESS
    exit_status: int | None = None
    rid: UUID | None = None
    create: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole but for the headers that every answer has.

    `is_private`: no script of another site may read it in somebody's browser.
    """

    status: int
    text: str
    retry_after_seconds: int | None = None
    is_private: bool = False


OK = Answer(200, "OK")
CREATED = Answer(201, "Created")
NOT_FOUND = Answer(404, "not found")
AMBIGUOUS = Answer(409, "ambiguous slug")
BUSY = Answer(503, "cannot keep this ping now, send it again", retry_after_seconds=5)


def parse(path: str, query: str) -> Request | None:
    """Return what the request asks for, or None when it names no check at all.

    `path` is everything behind `PREFIX`, still percent-encoded.
    """
    path = re.sub("/+", "/", unquote(path, errors="replace")).lstrip("/")
    found = _BY_CODE.fullmatch(path) or _BY_SLUG.fullmatch(path)
    if not found:
        return None
    parts = found.groupdict()
    faults = []
    action, exit_status = Action(parts["action"] or "success"), None
    if parts["status"]:
        # A million digits are no number: judge the length before the value.
        digits = parts["status"].lstrip("0") or "0"
        exit_status = int(digits) if len(digits) <= 3 else 256
        if exit_status > 255:
            faults.append("invalid url format")
    wanted = parse_qs(query, keep_blank_values=True) if query else {}
    rid = wanted["rid"][-1] if "rid" in wanted else None
    if rid is not None and not _RID.fullmatch(rid):
        faults.append("invalid uuid format")
        rid = None
    target: UUID | Slug
    if "code" in parts:
        target = UUID(parts["code"])
    else:
        target = Slug(digest(parts["key"]), parts["slug"])
        if not _SLUG.fullmatch(parts["slug"]):
            faults.insert(0, "invalid url format")
    return Request(
        target,
        action,
        exit_status,
        UUID(rid) if rid else None,
        create=wanted.get("create", [""])[-1] == "1" and isinstance(target, Slug),
        fault=faults[0] if faults else "",
    )


@lru_cache(maxsize=256)
def answer_bytes(
    answer: Answer, *, body_limit: int, keep_alive: bool, is_head: bool = False
) -> bytes:
    """Return the whole HTTP/1.1 answer; `body_limit` 0 means that none is told."""
    text = answer.text.encode()
    lines = [
        f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Error')}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(text)}",
        "Cache-Control: max-age=0, no-cache, no-store, must-revalidate, private",
        "X-Content-Type-Options: nosniff",
    ]
    if answer.status < 300 and not answer.is_private:
        lines.append("Access-Control-Allow-Origin: *")
        if body_limit:
            lines.append(f"Ping-Body-Limit: {body_limit}")
    if answer.retry_after_seconds is not None:
        lines.append(f"Retry-After: {answer.retry_after_seconds}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if is_head else head + text


_PHRASES = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return who sent the request: the last address that is not a proxy of ours.

    Only what a trusted peer says is believed, and what cannot be understood is
    taken as absent: a bad header never fails a ping.
    """
    if not forwarded_for:
        return peer
    address = peer
    for item in reversed(forwarded_for.split(",")):
        if not is_trusted(address, trusted):
            break
        said = _address(item)
        if said is None:
            break
        address = str(said)
    return address


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Return True for an address in one of the networks."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return parsed is not None and any(
        parsed in network for network in trusted if network.version == parsed.version
    )


@lru_cache(maxsize=4_096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1` or `[2001:db8::1]:80`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
