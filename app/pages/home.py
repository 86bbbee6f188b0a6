"""The first page: this is where one is sent to a project, or to make the first one."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.pages.access import memberships, signed_in


@never_cache
@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first project's checks; teach who has none."""
    mine = memberships(signed_in(request))
    return redirect("checks", mine[0].project.code) if mine else redirect("project_add")
