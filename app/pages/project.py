"""A project's own page: its name, its people, its keys and its end."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from app.pages.access import open_project, page


@never_cache
@require_safe
@login_required
def project_page(request: HttpRequest, project: UUID) -> HttpResponse:
    """Show the project's people and keys."""
    return page(
        request, open_project(request, project), "pages/project_page.html", {"nav": "project"}
    )
