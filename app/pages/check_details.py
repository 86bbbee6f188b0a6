"""One check: what is known of it, its log, and the verbs that need one click."""

from datetime import datetime, tzinfo
from hashlib import blake2s
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from app.checks.models import Check
from app.checks.state import Shown
from app.pages import downtimes, log_filter, log_rows, runs_chart, words, zone_choice
from app.pages.access import gone_is_404, open_check, page
from app.pages.channel_words import title
from app.pages.first_ping import is_awaited
from app.pages.next_page import own_path
from app.pages.snippets import snippets
from app.pages.zone_choice import ZoneChoice
from app.pings.log import Log

BRIEF = 5


@never_cache
@require_safe
@login_required
def details(request: HttpRequest, code: UUID) -> HttpResponse:
    """Show a check; to a page that is open already, nothing when it saw it."""
    access, check = open_check(request, code)
    now = timezone.now()
    choice = zone_choice.choose(request.GET.get("zone", ""), access.zone, check)
    seen = fingerprint(check, now, choice.zone, access.member.role)
    is_live = "HX-Request" in request.headers
    if is_live and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    pings = Log(check)
    log = log_rows.shown(pings, request.GET, choice, is_live=is_live)
    if log is None:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context = {
        **_facts(check, now, choice.zone),
        **_history(check, pings, now, choice.zone),
        **_ways(check),
        **_links(log, choice, seen),
        "log": log,
    }
    return page(request, access, "pages/check_details.html", context)


def fingerprint(check: Check, now: datetime, *shown_too: object) -> str:
    """Return what differs whenever the page does: the row, the passing deadlines, the minute."""
    row = [getattr(check, field.attname) for field in Check._meta.concrete_fields]
    minute = now.replace(second=0, microsecond=0)
    seen = repr((row, check.shown(now), minute, *map(str, shown_too)))
    return blake2s(seen.encode(), digest_size=8).hexdigest()


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
    line = words.context(state, rules.grace, rules.manual_resume, shown, now, zone, words.A_MINUTE)
    return {
        "check": check,
        "now": now,
        "status": shown,
        "down": shown is Shown.DOWN,
        "since": since or state.status_since,
        "line": line,
        "schedule": words.schedule(rules.schedule),
        "grace": words.exact(check.grace_seconds),
        "took": words.run_time(state.last_duration) if state.last_duration else "",
        "tells": _told(check),
        "is_awaited": is_awaited(check),
        "nav": "check",
    }


def _history(check: Check, pings: Log, now: datetime, zone: tzinfo) -> dict[str, Any]:
    runs = pings.last_runs(runs_chart.RUNS)
    notes = check.notifications.select_related("channel").order_by("-pk")[:BRIEF]
    return {
        "chart": runs_chart.chart(runs),
        "runs_from": words.clock(runs[0].ended_at, now, zone) if runs else "",
        "runs_to": words.clock(runs[-1].ended_at, now, zone) if runs else "",
        "months": downtimes.months(check, now, zone),
        "changes": downtimes.changes(check),
        "notifications": [(note, title(note.channel)) for note in notes],
    }


def _ways(check: Check) -> dict[str, Any]:
    """Return how the check is pinged, and who else answers to its slug."""
    others = Check.objects.filter(project=check.project_id, slug=check.slug).exclude(pk=check.pk)
    return {
        "snippets": snippets(check),
        "ping_endpoint": settings.PING_ENDPOINT,
        "same_slug": others.only("code", "name").first() if check.slug else None,
    }


def _links(log: log_rows.Shown, choice: ZoneChoice, seen: str) -> dict[str, Any]:
    """Return the zone, and the addresses that keep it."""
    before = [] if log.before is None else [("before", str(log.before))]
    kept = [*before, *log.filter.pairs]
    again = [*kept, *choice.pairs, ("floor", str(log.floor)), ("seen", seen)]
    return {
        "zone": choice.zone,
        "choice": choice,
        "kept": kept,
        "zone_query": log_filter.address("", choice.pairs),
        "poll": log_filter.address("", again),
    }


def _told(check: Check) -> str:
    channels = check.channels.order_by("pk")
    return ", ".join(title(one) + (": disabled" if one.disabled_at else "") for one in channels)
