"""What a person sees when something is refused."""

import sys

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults

from app.database import is_away
from app.web.away import Away
from app.web.csrf_advice import Refusal, cause


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say why a form was refused, and which setting is wrong behind a proxy."""
    origin = request.META.get("HTTP_ORIGIN", "")
    refusal = Refusal(reason, origin, settings.CSRF_COOKIE_NAME in request.COOKIES)
    context = {
        "cause": cause(refusal, settings.SITE_ROOT).name,
        "reason": reason,
        "site_root": settings.SITE_ROOT,
        "origin": origin,
        "host": request.META.get("HTTP_HOST", ""),
    }
    return render(request, "403_csrf.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what was wrong with a request. It may be so wrong that it has no user and no host."""
    if is_away(exception):
        return Away(exception)  # Django takes a session that cannot be saved for one that is gone
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024
        return HttpResponse(render_to_string("413.html", {"most_kib": most}), status=413)
    context = {
        "host": request.META.get("HTTP_HOST", ""),
        "is_of_host": isinstance(exception, DisallowedHost),
        "site_root": settings.SITE_ROOT,
    }
    return HttpResponse(render_to_string("400.html", context), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something is wrong here: a mistake of ours, or a database that is away."""
    error = sys.exc_info()[1]
    return Away(error) if error and is_away(error) else defaults.server_error(request)
