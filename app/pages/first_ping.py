"""The first ping of a check: this is where a page waits for it, and turns green."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.checks.models import Check
from app.checks.state import Action, Status
from app.pages import log_filter, words, zone_choice
from app.pages.access import open_check, page
from app.pages.channel_words import title
from app.pings.models import Ping


def is_awaited(check: Check) -> bool:
    """Return True while nothing at all has come."""
    return check.status == Status.NEW and check.n_pings == 0


@never_cache
@require_safe
@login_required
def first_ping(request: HttpRequest, code: UUID) -> HttpResponse:
    """Show htmx what came first, and nothing while it is awaited."""
    access, check = open_check(request, code)
    if check.n_pings == 0:  # also when it was paused in the meantime
        if "HX-Request" in request.headers:
            return HttpResponse(status=204)
        return redirect("check", code)
    choice = zone_choice.choose(request.GET.get("zone", ""), access.zone, check)
    kept = {"zone": choice.zone, "zone_query": log_filter.address("", choice.pairs)}
    context = {**kept, **_came(check, timezone.now())}
    return page(request, access, "pages/_first_ping_came.html", context)


def _came(check: Check, now: datetime) -> dict[str, Any]:
    """Return the oldest ping that is kept, and what happens from here on."""
    ping = Ping.objects.filter(check_ref=check).order_by("n").defer("body").first()
    rules = check.rules
    return {
        "check": check,
        "ping": ping,
        "said": log_filter.LABELS[Action(ping.action)] if ping else "",
        "now": now,
        "status": check.shown(now),
        "schedule": words.schedule(rules.schedule),
        "grace": words.exact(check.grace_seconds),
        "told": [title(one) for one in check.channels.filter(disabled_at=None).order_by("pk")],
    }
