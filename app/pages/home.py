"""The first page: this is where one is sent to a project, picks one, or makes the first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.accounts.models import Project
from app.checks.models import Check
from app.checks.shown_now import TROUBLE_FIRST, rank
from app.checks.state import Shown
from app.pages.access import memberships, signed_in


@dataclass(frozen=True, slots=True)
class Overview:
    """A project with how many of its checks are in which state, trouble first."""

    project: Project
    counts: Sequence[tuple[Shown, int]]

    @property
    def worst(self) -> Shown | None:
        """The state to care about first; None without checks."""
        return self.counts[0][0] if self.counts else None


@never_cache
@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Go to the checks of the only project, or to all projects; teach who has none."""
    mine = memberships(signed_in(request))
    if len(mine) == 1:
        return redirect("checks", mine[0].project.code)
    if mine:
        return redirect("projects")
    return redirect("project_add")


@never_cache
@require_safe
@login_required
def projects(request: HttpRequest) -> HttpResponse:
    """Show all projects of the user, the one in the worst state first."""
    mine = [member.project for member in memberships(signed_in(request))]
    if not mine:
        return redirect("home")
    overviews = _overviews(request, mine, timezone.now())
    down = sum(overview.worst is Shown.DOWN for overview in overviews)
    context = {"overviews": overviews, "down": down}
    return render(request, "pages/projects.html", context)


def _overviews(request: HttpRequest, mine: Sequence[Project], now: datetime) -> Sequence[Overview]:
    """Return the projects, worst first, then by name. One query for all counts."""
    groups = (
        Check.objects.visible_to(request.user)
        .annotate(rank=rank(now))
        .order_by("rank")
        .values_list("project_id", "rank")
        .annotate(Count("pk"))
    )
    counts = defaultdict[int, list[tuple[int, int]]](list)
    for project_id, place, count in groups:
        counts[project_id].append((place, count))
    worst = len(TROUBLE_FIRST)

    def badness(project: Project) -> tuple[int, int, str]:
        place, count = (counts[project.pk] or [(worst, 0)])[0]
        is_trouble = place <= TROUBLE_FIRST.index(Shown.LATE)
        return (place, -count if is_trouble else 0, project.name.casefold())

    return [
        Overview(one, [(TROUBLE_FIRST[place], count) for place, count in counts[one.pk]])
        for one in sorted(mine, key=badness)
    ]
