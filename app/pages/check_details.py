"""One check: what is known of it, its log, and the verbs that need one click."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from app.checks.models import Check, Flip
from app.checks.state import Shown
from app.pages import words
from app.pages.access import gone_is_404, open_check, page
from app.pages.channel_words import title
from app.pages.next_page import own_path
from app.pings.models import Ping

LOG_PAGE = 50
BRIEF = 5
LOG_COLUMNS = (
    "n",
    "received_at",
    "action",
    "exit_status",
    "method",
    "scheme",
    "remote_addr",
    "user_agent",
    "has_body",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A flip, and how long the status lasted; None when it still does."""

    flip: Flip
    lasted: str | None


@never_cache
@require_safe
@login_required
def details(request: HttpRequest, code: UUID) -> HttpResponse:
    """Show a check."""
    access, check = open_check(request, code)
    now = timezone.now()
    pings, older = _log(check, request.GET.get("before", ""))
    notes = check.notifications.select_related("channel").order_by("-pk")[:BRIEF]
    context = {
        **_facts(check, now, access.zone),
        "pings": pings,
        "older": older,
        "is_first_page": "before" not in request.GET,
        "changes": _changes(list(check.flips.order_by("-at", "-pk")[: BRIEF + 1])),
        "notifications": [(note, title(note.channel)) for note in notes],
        "tells": _told(check),
        "ping_endpoint": settings.PING_ENDPOINT,
        "nav": "check",
    }
    return page(request, access, "pages/check_details.html", context)


@never_cache
@require_safe
@login_required
def body(request: HttpRequest, code: UUID, n: int) -> HttpResponse:
    """Show what a ping carried: as text, whatever it claims to be."""
    _, check = open_check(request, code)
    ping = get_object_or_404(Ping, check_ref=check, n=n, body__isnull=False)
    response = HttpResponse(bytes(ping.body or b""), content_type="text/plain; charset=utf-8")
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@login_required
def pause(request: HttpRequest, code: UUID) -> HttpResponse:
    """Pause a check."""
    access, check = open_check(request, code)
    access.require_write()
    with gone_is_404():
        check.pause(timezone.now())
    return redirect(own_path(request, reverse("check", args=[code])))


@require_POST
@login_required
def resume(request: HttpRequest, code: UUID) -> HttpResponse:
    """Resume a check; it is as new."""
    access, check = open_check(request, code)
    access.require_write()
    try:
        with gone_is_404():
            check.resume(timezone.now())
    except ValueError:
        messages.info(request, "The check was not paused.")
    return redirect(own_path(request, reverse("check", args=[code])))


def _facts(check: Check, now: datetime, zone: tzinfo) -> dict[str, Any]:
    state, rules = check.state, check.rules
    shown = check.shown(now)
    since = {Shown.LATE: state.due_at, Shown.DOWN: state.down_at}.get(shown)
    return {
        "check": check,
        "now": now,
        "status": shown,
        "since": since or state.status_since,
        "line": words.context(state, rules.grace, rules.manual_resume, shown, now, zone),
        "schedule": words.schedule(rules.schedule),
        "grace": words.exact(check.grace_seconds),
        "took": words.run_time(state.last_duration) if state.last_duration else "",
    }


def _told(check: Check) -> str:
    channels = check.channels.order_by("pk")
    return ", ".join(title(one) + (": disabled" if one.disabled_at else "") for one in channels)


def _log(check: Check, before: str) -> tuple[list[dict[str, Any]], int | None]:
    """Return a page of the log, newest first, and where the next one begins."""
    pings = Ping.objects.filter(check_ref=check).annotate(has_body=Q(body__isnull=False))
    # ASCII digits only, and no more than a bigint holds.
    if before.isascii() and before.isdigit() and len(before) < 19:
        pings = pings.filter(n__lt=int(before))
    found = list(pings.order_by("-n").values(*LOG_COLUMNS)[: LOG_PAGE + 1])
    rows = found[:LOG_PAGE]
    return rows, rows[-1]["n"] if len(found) > LOG_PAGE else None


def _changes(flips: Sequence[Flip]) -> list[Change]:
    """Return the flips, newest first, each with how long its status lasted."""
    lasted = [words.duration(later.at - earlier.at) for later, earlier in pairwise(flips)]
    return [Change(flip, span) for flip, span in zip(flips[:BRIEF], [None, *lasted], strict=False)]
