"""What a person sees when something is refused."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say why a form was refused, and which setting is wrong behind a proxy."""
    context = {
        "reason": reason,
        "site_root": settings.SITE_ROOT,
        "origin": request.META.get("HTTP_ORIGIN", ""),
    }
    return render(request, "403_csrf.html", context, status=403)
