"""The list of a project's checks, trouble first."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.checks.models import Check
from app.checks.state import Shown, shown
from app.pages import words
from app.pages.access import open_project, page
from app.pings.models import Position

HELD_AFTER = timedelta(seconds=10)  # a receiver reports every second
ORDER = (Shown.DOWN, Shown.LATE, Shown.UP, Shown.NEW, Shown.PAUSED)


@dataclass(frozen=True, slots=True)
class Row:
    """A check as a line of the list."""

    code: UUID
    name: str
    status: Shown
    context: str
    schedule: str
    grace: str
    last_ping_at: datetime | None


@never_cache
@require_safe
@login_required
def check_list(request: HttpRequest, project: UUID) -> HttpResponse:
    """Show all checks of a project."""
    access, now = open_project(request, project), timezone.now()
    checks = Check.objects.visible_to(request.user).filter(project=access.project).defer("desc")
    rows = listed(checks, now, access.zone)
    context = {
        "rows": rows,
        "counts": count_line(rows),
        "down": sum(row.status is Shown.DOWN for row in rows),
        "now": now,
        "held_for": _held_for(now),
        "nav": "checks",
        "ping_endpoint": settings.PING_ENDPOINT,
    }
    return page(request, access, "pages/check_list.html", context)


def listed(checks: Iterable[Check], now: datetime, zone: tzinfo) -> list[Row]:
    """Return the lines in the order in which a person has to care."""
    rows = [_row(check, now, zone) for check in checks]
    rank = {status: place for place, status in enumerate(ORDER)}
    return sorted(rows, key=lambda row: (rank[row.status], row.name.casefold(), row.code))


def count_line(rows: Iterable[Row]) -> str:
    """Return "6 checks: 1 down, 1 late, 4 up"."""
    counts = Counter(row.status for row in rows)
    parts = ", ".join(f"{counts[status]} {status}" for status in ORDER if counts[status])
    total = counts.total()
    return f"{total} check{'' if total == 1 else 's'}: {parts}" if total else "No checks yet"


def _held_for(now: datetime) -> str:
    """Return for how long a receiver that says nothing has held alerts, or ""."""
    applied = Position.objects.applied_before(now, settings.SILENT_RECEIVER_SECONDS)
    is_held = applied is not None and now - applied > HELD_AFTER
    return words.duration(now - applied) if applied and is_held else ""


def _row(check: Check, now: datetime, zone: tzinfo) -> Row:
    state, rules = check.state, check.rules
    status = shown(state, now)
    return Row(
        code=check.code,
        name=str(check),
        status=status,
        context=words.context(state, rules.grace, rules.manual_resume, status, now, zone),
        schedule=words.schedule(rules.schedule),
        grace=words.exact(check.grace_seconds),
        last_ping_at=state.last_ping_at,
    )
