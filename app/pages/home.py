"""The first page: this is where one is sent to a project, or makes the first one."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from app.alerts.founding import begin
from app.pages.access import memberships, signed_in


class ProjectForm(forms.Form):
    """The one field of a new project."""

    name = forms.CharField(max_length=100, help_text="A machine, a team or a customer.")


@never_cache
@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first project's checks; teach who has none."""
    mine = memberships(signed_in(request))
    if mine:
        return redirect("checks", mine[0].project.code)
    return render(request, "pages/first_project.html", {"form": ProjectForm()})


@require_POST
@login_required
def add_project(request: HttpRequest) -> HttpResponse:
    """Make a project whose alerts go to its owner until told otherwise."""
    form = ProjectForm(request.POST)
    if not form.is_valid():
        return render(request, "pages/first_project.html", {"form": form}, status=422)
    project = begin(signed_in(request), form.cleaned_data["name"])
    return redirect("checks", project.code)
