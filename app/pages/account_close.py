"""Close one's account, with the projects that are nobody else's."""

from typing import Any

from django import forms
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.accounts.models import Role, User
from app.checks.endings import close_account, kept_by_others
from app.pages.access import gone_is_404, memberships, signed_in, typed
from app.pages.session import recently_signed_in


class CloseForm(forms.Form):
    """The own address, typed: nobody closes an account by mistake."""

    email = forms.CharField(
        label="Your e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_email(self) -> str:
        """Compare it with the user's."""
        email = str(self.cleaned_data["email"])
        if email.casefold() != self.user.email.casefold():
            raise ValidationError(f"This is not the address of the account, {self.user.email}.")
        return email


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@recently_signed_in
def close(request: HttpRequest) -> HttpResponse:
    """Ask, then close."""
    user = signed_in(request)
    form = CloseForm(typed(request), user=user)
    in_the_way = kept_by_others(user)
    if form.is_valid() and not in_the_way:
        with gone_is_404():
            in_the_way = close_account(user)
        if not in_the_way:
            auth.logout(request)
            messages.success(request, "Your account is closed.")
            return redirect("sign_in")
    mine = memberships(user)
    context = {
        "form": form,
        "in_the_way": in_the_way,
        "own": [member.project for member in mine if member.role == Role.OWNER],
        "others": [member.project for member in mine if member.role != Role.OWNER],
    }
    status = 422 if form.is_bound else 200
    return render(request, "pages/account_close.html", context, status=status)
