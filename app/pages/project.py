"""A project's own page: its name, its people, its keys and its end."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from app.accounts.models import Member, Project, Role
from app.checks.endings import end_project
from app.pages import mail
from app.pages.access import gone_is_404, open_project, page, typed
from app.pages.keys import key_lines
from app.pages.project_form import ProjectForm, TypedNameForm


@never_cache
@require_safe
@login_required
def project_page(request: HttpRequest, project: UUID) -> HttpResponse:
    """Show the project's people; to managers its invitations and keys too."""
    access = open_project(request, project)
    managed = access.project.invitations.select_related("invited_by").order_by("email")
    context = {
        "people": people(access.project),
        "invitations": managed if access.may_manage else [],
        "keys": key_lines(access.project) if access.may_manage else [],
        "is_offered": access.project.offered_to_id == access.member.user_id,
        "mail_is_kept": mail.is_kept(),
        "now": timezone.now(),
        "nav": "project",
    }
    return page(request, access, "pages/project_page.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rename(request: HttpRequest, project: UUID) -> HttpResponse:
    """Give the project another name."""
    access = open_project(request, project)
    access.require(Role.MANAGER)
    form = ProjectForm(typed(request), initial={"name": access.project.name})
    if not form.is_valid():
        context = {"form": form, "nav": "in project"}
        return page(request, access, "pages/project_rename.html", context, _status(form))
    Project.objects.filter(pk=access.project.pk).update(name=form.cleaned_data["name"])
    messages.success(request, "Saved.")
    return redirect("project", project)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, project: UUID) -> HttpResponse:
    """Ask for the name, then delete."""
    access = open_project(request, project)
    access.require(Role.OWNER)
    name = access.project.name
    form = TypedNameForm(typed(request), expected=name)
    if not form.is_valid():
        checks, members = access.project.checks.count(), access.project.members.count()
        context = {"form": form, "checks": checks, "members": members, "nav": "in project"}
        return page(request, access, "pages/project_delete.html", context, _status(form))
    with gone_is_404():
        end_project(access.project)
    messages.success(request, f"{name} is deleted.")
    return redirect("home")


def people(project: Project) -> list[Member]:
    """Return the members with their users: the owner, managers, and so on."""
    ranks = Role.values
    members = project.members.select_related("user")
    return sorted(members, key=lambda one: (ranks.index(one.role), one.user.email.lower()))


def _status(form: ProjectForm | TypedNameForm) -> int:
    return 422 if form.is_bound else 200
