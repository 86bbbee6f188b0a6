"""The members of a project: roles, removal, and leaving."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from app.accounts import members
from app.accounts.models import Member, Role
from app.pages.access import Access, gone_is_404, open_project, page, typed

OWNER_STAYS = (
    "Nobody changes or removes the owner of a project, not even the owner. "
    "The owner can offer the project to another member, and then leave."
)
MEANWHILE = "Nothing was done: {} has left the project by now, or owns it."
ROLES = (
    (Role.MANAGER, "Manager: checks, channels, people, invitations and keys"),
    (Role.MEMBER, "Member: checks and channels"),
    (Role.READ_ONLY, "Read-only: looks, and changes nothing"),
)


class RoleForm(forms.Form):
    """The roles that a manager gives."""

    role = forms.TypedChoiceField(
        label="What may they do?",
        choices=[(role.value, words) for role, words in ROLES],
        coerce=Role,
        widget=forms.RadioSelect,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest, project: UUID, member: int) -> HttpResponse:
    """Change a member's role."""
    access, one = _open_member(request, project, member)
    form = RoleForm(typed(request), initial={"role": one.role})
    if not form.is_valid():
        context = {"form": form, "one": one, "nav": "in project"}
        status = 422 if form.is_bound else 200
        return page(request, access, "pages/member.html", context, status)
    with gone_is_404():
        is_done = members.change_role(one, form.cleaned_data["role"])
    if is_done:
        messages.success(request, f"{one.user} is {form.cleaned_data['role'].label} now.")
    else:
        messages.info(request, MEANWHILE.format(one.user))
    return redirect("project", project)


@require_POST
@login_required
def remove(request: HttpRequest, project: UUID, member: int) -> HttpResponse:
    """Take a member out of the project."""
    _, one = _open_member(request, project, member)
    with gone_is_404():
        is_done = members.remove(one)
    if is_done:
        messages.success(request, f"{one.user} is no longer in the project.")
    else:
        messages.info(request, MEANWHILE.format(one.user))
    return redirect("home") if one.user == request.user else redirect("project", project)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def leave(request: HttpRequest, project: UUID) -> HttpResponse:
    """Ask, then leave."""
    access = open_project(request, project)
    _refuse_unless(not access.is_owner)
    if request.method != "POST":
        return page(request, access, "pages/project_leave.html", {"nav": "in project"})
    with gone_is_404():
        _refuse_unless(members.remove(access.member))
    messages.success(request, f"You have left {access.project.name}.")
    return redirect("account")


def _open_member(request: HttpRequest, project: UUID, pk: int) -> tuple[Access, Member]:
    access = open_project(request, project)
    access.require(Role.MANAGER)
    one = get_object_or_404(access.project.members.select_related("user", "project"), pk=pk)
    _refuse_unless(one.role != Role.OWNER)
    return access, one


def _refuse_unless(is_allowed: bool) -> None:
    if not is_allowed:
        raise PermissionDenied(OWNER_STAYS)
