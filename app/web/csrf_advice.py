"""Why Django refused a form, for whoever runs the server. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from django.middleware import csrf


class Cause(StrEnum):
    """What is wrong, as far as one request can show it."""

    HTTPS_NOT_IN_SITE_ROOT = "the browser is on https, SITE_ROOT says http"
    OPENED_BY_HTTP = "the browser is on http, SITE_ROOT says https"
    OTHER_HOST = "the browser is at another host than SITE_ROOT says"
    ORIGIN_HIDDEN = "the browser does not say where the form was"
    NO_COOKIE = "the browser sent no cookie"
    OLD_PAGE = "the form is older than the session"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one request shows. `origin` is "" when the browser sent none."""

    reason: str
    origin: str
    has_cookie: bool


def cause(refusal: Refusal, site_root: str) -> Cause:
    """Return the likeliest cause of a refused form."""
    if refusal.origin == "null" or _is_of_referer(refusal.reason):
        return Cause.ORIGIN_HIDDEN
    if refusal.origin and refusal.origin != site_root:
        return _cause_of_origin(refusal.origin, site_root)
    if not refusal.has_cookie or refusal.reason == csrf.REASON_NO_CSRF_COOKIE:
        return Cause.NO_COOKIE
    return Cause.OLD_PAGE


def _cause_of_origin(origin: str, site_root: str) -> Cause:
    seen, said = urlsplit(origin), urlsplit(site_root)
    if seen.hostname != said.hostname or seen.scheme == said.scheme:
        return Cause.OTHER_HOST
    return Cause.HTTPS_NOT_IN_SITE_ROOT if seen.scheme == "https" else Cause.OPENED_BY_HTTP


def _is_of_referer(reason: str) -> bool:
    return reason in (csrf.REASON_NO_REFERER, csrf.REASON_MALFORMED_REFERER)
