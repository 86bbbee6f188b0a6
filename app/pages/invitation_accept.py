"""Accept an invitation: with the account that one has, or with a new one."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.accounts import invitations
from app.accounts.models import Invitation, Role, User
from app.pages import session
from app.pages.access import signed_in


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is offered; join after a click."""
    invitation = invitations.find(token, timezone.now())
    if invitation is None:
        return _spent(request)
    has_account = User.objects.filter(email__iexact=invitation.email).exists()
    is_known = request.user.is_authenticated or has_account
    if request.method == "POST" and request.user.is_authenticated:
        return _join(request, invitation)
    if request.method == "POST" and not is_known and settings.SIGN_UP != "closed":
        return _join_as_new(request, invitation)
    context = {
        "invitation": invitation,
        "role": Role(invitation.role).label,
        "is_member": _is_member(request, invitation),
        "has_account": has_account,
        "is_closed": settings.SIGN_UP == "closed",
    }
    return render(request, "pages/invitation.html", context, status=_status(request))


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    is_member = _is_member(request, invitation)
    if not invitations.accept(invitation, signed_in(request)):
        return _spent(request)
    if is_member:
        messages.info(request, "You are in the project already. Your role stays as it is.")
    else:
        messages.success(request, f"You are in {invitation.project} now.")
    return redirect("checks", invitation.project.code)


def _join_as_new(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Who has the mailed link has the mailbox: that is all that an account needs."""
    user = invitations.accept_as_new(invitation)
    if user is None:
        return _spent(request)
    session.begin(request, user, timezone.now())
    messages.success(request, f"Your account is made, and you are in {invitation.project} now.")
    return redirect("checks", invitation.project.code)


def _is_member(request: HttpRequest, invitation: Invitation) -> bool:
    user = request.user
    return user.is_authenticated and invitation.project.members.filter(user=user).exists()


def _status(request: HttpRequest) -> int:
    """Return 403 to who posts and has to sign in first."""
    return 403 if request.method == "POST" else 200


def _spent(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/invitation_spent.html", status=410)
