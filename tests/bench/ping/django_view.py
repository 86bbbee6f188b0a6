"""The one address of the plain Django view, and the view."""

import uuid
from datetime import UTC, datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from app.checks.models import Check
from app.checks.state import Event, fold
from app.pings.models import Ping


@csrf_exempt
def ping(request: HttpRequest, code: uuid.UUID) -> HttpResponse:
    """Take a ping: one transaction, four statements, the ORM's."""
    event = Event(
        datetime.now(UTC),
        method=request.method or "GET",
        remote_addr=request.META.get("REMOTE_ADDR", ""),
        user_agent=request.headers.get("User-Agent", "")[:200],
    )
    with transaction.atomic():
        try:
            check = Check.objects.select_for_update().get(code=code)
        except Check.DoesNotExist:
            return HttpResponse("not found", status=404)
        folded = fold(check.rules, check.state, [event])
        line = folded.recorded[0]
        Ping.objects.create(
            check_ref=check,
            n=line.n,
            received_at=event.received_at,
            action=line.action.value,
            scheme=event.scheme,
            method=event.method,
            remote_addr=event.remote_addr,
            user_agent=event.user_agent,
        )
        state = folded.state
        Check.objects.filter(pk=check.pk).update(
            status=state.status.value,
            n_pings=state.n_pings,
            last_ping_at=state.last_ping_at,
            due_at=state.due_at,
            down_at=state.down_at,
        )
    return HttpResponse("OK", content_type="text/plain")


urlpatterns = [path("ping/<uuid:code>", ping)]
