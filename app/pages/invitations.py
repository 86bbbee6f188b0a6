"""The invitations of a project: send, send again, withdraw."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from app.accounts import invitations
from app.accounts.models import Invitation, Project, Role, User
from app.accounts.throttle import INVITATIONS_OF
from app.pages import mail, tries
from app.pages.access import Access, gone_is_404, open_project, page, signed_in, typed
from app.pages.email_field import EmailField
from app.pages.members import RoleForm


class InvitationForm(RoleForm):
    """Whom to invite, and as what."""

    email = EmailField(widget=forms.EmailInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project

    def clean_email(self) -> str:
        """Refuse who is a member already, and who could not come in."""
        email = str(self.cleaned_data["email"])
        if self.project.members.filter(user__email__iexact=email).exists():
            raise ValidationError(f"{email} is in the project already.")
        is_known = User.objects.filter(email__iexact=email).exists()
        if settings.SIGN_UP == "closed" and not is_known:
            raise ValidationError(
                f"{email} has no account here, and this server is closed to new ones. "
                "Ask who runs it to make the account first."
            )
        return email


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def invite(request: HttpRequest, project: UUID) -> HttpResponse:
    """Invite somebody by e-mail."""
    access = open_project(request, project)
    access.require(Role.MANAGER)
    form = InvitationForm(typed(request), project=access.project, initial={"role": Role.MEMBER})
    if not form.is_valid():
        return _page(request, access, form, 422 if form.is_bound else 200)
    now = timezone.now()
    spent = ((INVITATIONS_OF, str(access.member.user_id)),)
    if answer := tries.refused(
        form, spent, now, lambda status: _page(request, access, form, status)
    ):
        return answer
    _send(request, access.project, form.cleaned_data["email"], form.cleaned_data["role"], now)
    return redirect("project", project)


@require_POST
@login_required
def resend(request: HttpRequest, project: UUID, invitation: int) -> HttpResponse:
    """Send an invitation again, with a new link: the older one ends."""
    access, old = _open_invitation(request, project, invitation)
    form, now = forms.Form({}), timezone.now()
    spent = ((INVITATIONS_OF, str(access.member.user_id)),)
    back = redirect("project", project)
    if tries.refused(form, spent, now, lambda _: back):
        messages.error(request, f"Nothing was sent. {form.non_field_errors()[0]}")
        return back
    _send(request, access.project, old.email, Role(old.role), now)
    return back


@require_POST
@login_required
def withdraw(request: HttpRequest, project: UUID, invitation: int) -> HttpResponse:
    """Make an invitation worthless."""
    _, old = _open_invitation(request, project, invitation)
    old.delete()
    messages.success(request, f"The invitation of {old.email} is withdrawn.")
    return redirect("project", project)


def _open_invitation(request: HttpRequest, project: UUID, pk: int) -> tuple[Access, Invitation]:
    access = open_project(request, project)
    access.require(Role.MANAGER)
    return access, get_object_or_404(access.project.invitations, pk=pk)


def _send(request: HttpRequest, project: Project, email: str, role: Role, now: datetime) -> None:
    inviter = signed_in(request)
    with gone_is_404():
        link = invitations.invite(project, email, role, inviter, now)
    facts = {"inviter": inviter.email, "project": project.name, "role": role.label}
    mail.send("invitation", email, link=link, **facts)
    messages.success(request, f"An invitation is on its way to {email}. It is good for 7 days.")


def _page(request: HttpRequest, access: Access, form: InvitationForm, status: int) -> HttpResponse:
    context = {"form": form, "mail_is_kept": mail.is_kept(), "nav": "in project"}
    return page(request, access, "pages/invitation_add.html", context, status)
