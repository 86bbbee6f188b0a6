"""Delete a check, after a page that says what that means."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.pages.access import gone_is_404, open_check, page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, code: UUID) -> HttpResponse:
    """Ask, then delete."""
    access, check = open_check(request, code)
    access.require_write()
    if request.method != "POST":
        return page(request, access, "pages/check_delete.html", {"check": check, "nav": "check"})
    name = str(check)
    with gone_is_404():
        check.erase()
    messages.success(request, f"{name} is deleted.")
    return redirect("checks", access.project.code)
