"""The link in every alert mail: stop it, but never because a scanner followed it.

A GET changes nothing. Mail scanners open links within moments, in a browser that
runs scripts; so the page submits itself only when the mail is older than five
minutes, and asks for a click before that. Mail programs POST straight away
(RFC 8058: no cookie, no CSRF token); the signed link is what permits it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from app.alerts import outbox
from app.alerts import unsubscribe as links
from app.alerts.models import Channel
from app.pages.access import gone_is_404

SCANNERS_COME_WITHIN = timedelta(minutes=5)
REASON = "unsubscribed"


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form, or take the channel out of service."""
    found = _channel(token)
    if found is None:
        return render(request, "unsubscribe_unknown.html", status=404)
    channel, sent_at = found
    now = timezone.now()
    if request.method == "POST":
        with gone_is_404():
            outbox.disable(channel, REASON, now)
        return render(request, "unsubscribe_done.html", {"channel": channel})
    is_old = now - sent_at > SCANNERS_COME_WITHIN
    return render(request, "unsubscribe.html", {"channel": channel, "submits_itself": is_old})


def _channel(token: str) -> tuple[Channel, datetime] | None:
    try:
        code, sent_at = links.read(token)
    except ValueError:
        return None
    channel = _of(code)
    return (channel, sent_at) if channel else None


def _of(code: UUID) -> Channel | None:
    return Channel.objects.select_related("project").filter(code=code).first()
