"""Webhooks: a request of the user's own making, with placeholders filled in.

Every answer of the 2xx kind means that it arrived; 410 Gone disables the channel.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import quote

from app.alerts.message import UP, Message, Outcome
from app.outbound import Request, Response, fetch

METHODS = ("GET", "POST", "PUT")
GONE = 410
USER_AGENT = "Stillhere"
_PLACEHOLDER = re.compile(
    r"\$(NAME_JSON|BODY_JSON|EXITSTATUS|STATUS|CODE|NAME|SLUG|TAGS|TAG\d+|JSON|BODY|NOW)"
)


@dataclass(frozen=True, slots=True)
class _Side:
    """What to send for one direction."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: str


def wants(config: Any, status: str) -> bool:
    """Return True when there is an address for the direction."""
    return _side(config, status) is not None


def send(message: Message) -> Outcome:
    """Send the request; redirects are followed (outbound)."""
    side = _side(message.config, message.status)
    if side is None and message.check is None:
        side = _side(message.config, UP)  # a test of a channel that tells of "up" only
    if side is None:
        return Outcome.refused(f"the channel has no address for {message.status}")
    if side.method not in METHODS:
        return Outcome.refused(f"the method {side.method} is none of {', '.join(METHODS)}")
    return _outcome(fetch(_request(side, message)))


def _outcome(response: Response) -> Outcome:
    if response.is_ok:
        return Outcome.sent()
    if response.status == GONE:
        return Outcome.gone("the webhook answered 410 Gone")
    return Outcome.retry(response.error or f"the webhook answered with status {response.status}")


def _side(config: Any, status: str) -> _Side | None:
    """Parse one direction; what a form of ours did not write counts as not there."""
    given = config.get(status) if isinstance(config, dict) else None
    if not isinstance(given, dict) or not given.get("url"):
        return None
    headers = given.get("headers")
    return _Side(
        url=str(given["url"]),
        method=str(given.get("method") or "GET").upper(),
        headers={str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {},
        body=str(given.get("body") or ""),
    )


def _request(side: _Side, message: Message) -> Request:
    values = _values(message)
    body_values = {**values, **_body_values(message)}
    names = {name.lower() for name in side.headers}
    headers = {} if "user-agent" in names else {"User-Agent": USER_AGENT}
    # The same for every attempt, also for one that a failover has made us repeat.
    key = f'"{message.notification}"'
    headers |= {} if "idempotency-key" in names else {"Idempotency-Key": key}
    # The body is the user's own: only a header can say it without breaking a template.
    headers |= {"Stillhere-May-Be-Repeated": "1"} if message.may_be_repeated else {}
    body = None
    if side.method != "GET":
        body = _filled(side.body, body_values, str).encode("utf-8", "replace")
        headers |= {} if "content-type" in names else {"Content-Type": "text/plain; charset=utf-8"}
    headers |= {name: _filled(value, values, _one_line) for name, value in side.headers.items()}
    return Request(side.method, _filled(side.url, values, _quoted), headers, body)


def _filled(template: str, values: Mapping[str, str], encode: Callable[[str], str]) -> str:
    """Fill in the placeholders in one pass: what a value says is not filled in again."""

    def value(match: re.Match[str]) -> str:
        known = values.get(match[1])
        return match[0] if known is None else encode(known)

    return _PLACEHOLDER.sub(value, template)


def _values(message: Message) -> dict[str, str]:
    """Return the values for the address and headers as well as for the body."""
    check = message.check
    name = check.name if check else "Test"
    tags = check.tags.split() if check else []
    exit_status = check.exit_status if check else None
    return {
        "CODE": str(check.code if check else message.notification),
        "STATUS": message.status,
        "NOW": message.flip_at.astimezone(UTC).replace(microsecond=0).isoformat(),
        "NAME": name,
        "NAME_JSON": json.dumps(name),
        "SLUG": check.slug if check else "test",
        "TAGS": " ".join(tags),
        **{f"TAG{place}": tag for place, tag in enumerate(tags, start=1)},
        "JSON": check.as_json if check else "{}",
        "EXITSTATUS": "-1" if exit_status is None else str(exit_status),
    }


def _body_values(message: Message) -> dict[str, str]:
    """Return what would be too long for an address or a header."""
    text = message.check.body.decode("utf-8", "replace") if message.check else ""
    return {"BODY": text, "BODY_JSON": json.dumps(text)}


def _quoted(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _one_line(value: str) -> str:
    # A name with a line break must not become a header of its own.
    return " ".join(re.split(r"[\r\n\0]+", value))
