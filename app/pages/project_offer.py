"""Give a project away: the owner offers it, and another member accepts or declines."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from app.accounts import members
from app.accounts.models import Member, Project, Role
from app.pages import mail
from app.pages.access import gone_is_404, open_project, page, signed_in, typed

if TYPE_CHECKING:
    MemberChoices = forms.ModelChoiceField[Member]
else:
    MemberChoices = forms.ModelChoiceField


class MemberChoice(MemberChoices):
    """A member, by address."""

    def label_from_instance(self, member: Any) -> str:
        """Return the member's address and role."""
        return f"{member.user}, {member.get_role_display()}"


class OfferForm(forms.Form):
    """To whom the owner offers the project."""

    member = MemberChoice(
        queryset=Member.objects.none(),
        label="New owner",
        empty_label=None,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = project.members.exclude(role=Role.OWNER).select_related("user")
        choice = self.fields["member"]
        assert isinstance(choice, MemberChoice)  # the type, for mypy
        choice.queryset = others.order_by("user__email")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def offer(request: HttpRequest, project: UUID) -> HttpResponse:
    """Offer the project to a member."""
    access = open_project(request, project)
    access.require(Role.OWNER)
    form = OfferForm(typed(request), project=access.project)
    if not form.is_valid():
        context = {"form": form, "mail_is_kept": mail.is_kept(), "nav": "in project"}
        status = 422 if form.is_bound else 200
        return page(request, access, "pages/project_offer.html", context, status)
    owner, user = signed_in(request), form.cleaned_data["member"].user
    with gone_is_404():
        is_offered = members.offer(access.project, owner, form.cleaned_data["member"])
    if is_offered:
        link = settings.SITE_ROOT + reverse("project", args=[project])
        mail.send("offer", user.email, owner=owner.email, project=access.project.name, link=link)
        messages.success(request, f"The project is offered to {user}, who has to accept it.")
    return redirect("project", project)


@require_POST
@login_required
def withdraw(request: HttpRequest, project: UUID) -> HttpResponse:
    """Keep the project."""
    access = open_project(request, project)
    access.require(Role.OWNER)
    with gone_is_404():
        members.withdraw_offer(access.project)
    messages.success(request, "The offer is withdrawn. You stay the owner.")
    return redirect("project", project)


@require_POST
@login_required
def answer(request: HttpRequest, project: UUID) -> HttpResponse:
    """Accept or decline what is offered to oneself."""
    access, user = open_project(request, project), signed_in(request)
    is_yes = request.POST.get("answer") == "accept"
    with gone_is_404():
        verb = members.accept_offer if is_yes else members.decline_offer
        is_done = verb(access.project, user)
    if not is_done:
        messages.info(request, "The project is not offered to you any more.")
    elif is_yes:
        messages.success(request, "The project is yours. Its former owner is a manager now.")
    else:
        messages.success(request, "You have declined. The owner stays the same.")
    return redirect("project", project)
