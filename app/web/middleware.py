"""What every answer of the pages carries."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

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
