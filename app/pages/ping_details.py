"""One ping: its facts, its run, and what it carried."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.checks.models import Check
from app.checks.state import Action
from app.pages import log_filter, words, zone_choice
from app.pages.access import open_check, page
from app.pages.ping_text import body_text
from app.pings.log import Log
from app.pings.models import Ping
from app.pings.run_times import Run


@never_cache
@require_safe
@login_required
def ping_details(request: HttpRequest, code: UUID, n: int) -> HttpResponse:
    """Show a ping."""
    access, check = open_check(request, code)
    log = Log(check)
    ping = log.pings.filter(n=n).first()
    if ping is None:
        raise Http404(f"The check has no ping {n}, or it is not kept any more.")
    choice = zone_choice.choose(request.GET.get("zone", ""), access.zone, check)
    context = {
        "zone": choice.zone,
        "choice": choice,
        "zone_query": log_filter.address("", choice.pairs),
        "in_log": log_filter.address("", [("before", str(n + 1)), *choice.pairs]),
        **_facts(check, ping, log),
    }
    return page(request, access, "pages/ping_details.html", context)


@never_cache
@require_safe
@login_required
def body(request: HttpRequest, code: UUID, n: int) -> HttpResponse:
    """Show what a ping carried, or offer it as a file: as text, whatever it claims to be."""
    _, check = open_check(request, code)
    ping = get_object_or_404(Ping, check_ref=check, n=n, body__isnull=False)
    response = HttpResponse(bytes(ping.body or b""), content_type="text/plain; charset=utf-8")
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    if "download" in request.GET:
        name = f"{check.slug or check.code}-{n}.txt"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _facts(check: Check, ping: Ping, log: Log) -> dict[str, Any]:
    numbers = log.pings.values_list("n", flat=True)
    run = _run_of(ping.n, log.runs(ping.n, ping.n))
    return {
        "check": check,
        "ping": ping,
        "now": timezone.now(),
        "said": log_filter.LABELS[Action(ping.action)],
        "run": run,
        "took": words.run_time(run.duration) if run else "",
        "body": body_text(bytes(ping.body)) if ping.body is not None else None,
        "newer": numbers.filter(n__gt=ping.n).order_by("n").first(),
        "older": numbers.filter(n__lt=ping.n).order_by("-n").first(),
        "nav": "check",
    }


def _run_of(n: int, runs: Iterable[Run]) -> Run | None:
    """Return the run that a ping began or ended."""
    return next((run for run in runs if n in (run.start_n, run.end_n)), None)
