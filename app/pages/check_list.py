"""The list of a project's checks, trouble first: a page that keeps itself up to date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.checks.models import Check
from app.checks.state import Shown, shown
from app.pages import check_filter, words
from app.pages.access import Access, open_project, page
from app.pages.check_filter import Filter
from app.pages.check_seen import fingerprint
from app.pages.check_survey import ROWS, Line, Survey, survey
from app.pages.first_ping import is_awaited
from app.pings.models import Position

HELD_AFTER = timedelta(seconds=10)  # a receiver reports every second


@dataclass(frozen=True, slots=True)
class Row:
    """A check as a line of the list."""

    code: UUID
    name: str
    tags: str
    status: Shown
    context: str
    schedule: str
    grace: str
    last_ping_at: datetime | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A part of the filter with the address that puts it in, or takes it out."""

    label: str
    count: int
    is_chosen: bool
    query: str


@never_cache
@require_safe
@login_required
def check_list(request: HttpRequest, project: UUID) -> HttpResponse:
    """Show the checks of a project; to htmx only the list, and nothing when it saw it."""
    access, now = open_project(request, project), timezone.now()
    checks = Check.objects.visible_to(request.user).filter(project=access.project)
    held_for = _held_for(now)
    # Before the rows are read: what changes in between is shown again, not missed.
    seen = fingerprint(checks, now, held_for, access.zone, access.may_write)
    is_htmx = "HX-Request" in request.headers
    if is_htmx and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    template = "pages/_checks.html" if is_htmx else "pages/check_list.html"
    context = _listed(request, access, checks, now)
    return page(request, access, template, {**context, "seen": seen, "held_for": held_for})


def _listed(
    request: HttpRequest, access: Access, checks: QuerySet[Check], now: datetime
) -> dict[str, Any]:
    wanted = check_filter.read(request.GET)
    found = survey(checks, wanted, now)
    number = min(check_filter.page_number(request.GET), found.pages)
    first = (number - 1) * ROWS
    rows = _rows(found.wanted[first : first + ROWS], checks, now, access.zone)
    is_new = found.total == 1 and [row.status for row in rows] == [Shown.NEW]
    only = checks.first() if is_new and access.may_write else None
    return {
        "filter": wanted,
        "total": found.total,
        "matches": len(found.wanted),
        "hidden": found.total - len(found.wanted),
        "states": _states(found, wanted),
        "tags": _tags(found, wanted),
        "rows": rows,
        "first": first + 1,
        "last": first + len(rows),
        "here": request.path + (wanted.query(page=number) if number > 1 else wanted.query()),
        "poll": wanted.query(page=number, seen=""),
        "previous": wanted.query(page=number - 1) if number > 1 else "",
        "next": wanted.query(page=number + 1) if number < found.pages else "",
        "check": only if only and is_awaited(only) else None,
        "is_poll": "seen" in request.GET,
        "down": found.counts[Shown.DOWN],
        "now": now,
        "nav": "checks",
        "ping_endpoint": settings.PING_ENDPOINT,
    }


def _rows(lines: Sequence[Line], checks: QuerySet[Check], now: datetime, zone: tzinfo) -> list[Row]:
    """Return the lines of one page in words. One query for what they show."""
    known = checks.defer("desc").in_bulk([line.pk for line in lines])
    return [_row(known[line.pk], now, zone) for line in lines if line.pk in known]


def _row(check: Check, now: datetime, zone: tzinfo) -> Row:
    state, rules = check.state, check.rules
    status = shown(state, now)
    context = words.context(
        state, rules.grace, rules.manual_resume, status, now, zone, words.A_MINUTE
    )
    return Row(
        code=check.code,
        name=str(check),
        tags=check.tags,
        status=status,
        context=context,
        schedule=words.schedule(rules.schedule),
        grace=words.exact(check.grace_seconds),
        last_ping_at=state.last_ping_at,
    )


def _states(found: Survey, wanted: Filter) -> Iterable[Choice]:
    """Return the states that there are, and those that are asked for."""
    return [
        Choice(state.value, count, state in wanted.states, wanted.with_state(state).query())
        for state, count in found.counts.items()
        if count or state in wanted.states
    ]


def _tags(found: Survey, wanted: Filter) -> Iterable[Choice]:
    return [
        Choice(tag, count, tag in wanted.tags, wanted.with_tag(tag).query())
        for tag, count in found.tags.items()
    ]


def _held_for(now: datetime) -> str:
    """Return for how long a receiver that says nothing has held alerts, or ""; to the minute."""
    applied = Position.objects.applied_before(now, settings.SILENT_RECEIVER_SECONDS)
    if applied is None or now - applied <= HELD_AFTER:
        return ""
    silence = now - applied
    return "some seconds" if silence < words.A_MINUTE else words.duration(silence)
