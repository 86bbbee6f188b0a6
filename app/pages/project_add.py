"""Make a project: the first one, or one more."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.alerts.founding import begin
from app.pages.access import memberships, signed_in, typed
from app.pages.project_form import ProjectForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add(request: HttpRequest) -> HttpResponse:
    """Make a project whose alerts go to its owner until told otherwise."""
    user = signed_in(request)
    form = ProjectForm(typed(request))
    if not form.is_valid():
        context = {"form": form, "is_first": not memberships(user)}
        status = 422 if form.is_bound else 200
        return render(request, "pages/project_add.html", context, status=status)
    project = begin(user, form.cleaned_data["name"])
    return redirect("checks", project.code)
