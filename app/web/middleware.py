"""What every answer of the pages carries."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z")


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Forbid everything that is not ours: no inline style or script, nothing foreign."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "interest-cohort=()")
        return response

    return middleware


def know_compressed_files(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let whitenoise know the tag of a file again that gzip has made a weak one.

    It compares letter by letter, and without this would send every file anew.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if tag := request.META.get("HTTP_IF_NONE_MATCH"):
            request.META["HTTP_IF_NONE_MATCH"] = tag.removeprefix("W/")
        return get_response(request)

    return middleware


def reload_to_sign_in(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let htmx load the whole page again when its session has ended.

    It would follow the redirect and put the sign-in form into the middle of the page.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_away = response.headers.get("Location", "").startswith(resolve_url(settings.LOGIN_URL))
        if is_away and "HX-Request" in request.headers:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return response

    return middleware


def https_is_known(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Name the missing header instead of sending a browser in circles. Before SecurityMiddleware.

    Browsers send Sec-Fetch headers over https only (and to the machine they
    run on): who sends one and seems to come by http is behind a proxy that
    keeps X-Forwarded-Proto to itself.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not _goes_in_circles(request):
            return get_response(request)
        text = render_to_string("web/https_unknown.html", {"site_root": settings.SITE_ROOT})
        policy = {"Content-Security-Policy": "default-src 'none'"}
        return HttpResponse(text, status=400, headers=policy)

    return middleware


def _goes_in_circles(request: HttpRequest) -> bool:
    is_page = request.headers.get("Sec-Fetch-Dest") == "document"
    is_here = _LOCAL.search(request.META.get("HTTP_HOST", ""))
    return bool(
        settings.SECURE_SSL_REDIRECT and is_page and not is_here and not request.is_secure()
    )
