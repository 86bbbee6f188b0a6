"""Set or change one's password."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from app.accounts.models import User
from app.pages.access import signed_in, typed
from app.pages.session import recently_signed_in


def _password_field(label: str, **kwargs: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, max_length=1000, strip=False, widget=widget, **kwargs)


class PasswordForm(forms.Form):
    """A password, twice, because nobody sees what is typed."""

    password = _password_field(
        "New password", help_text="10 characters or more. A few words are easy to remember."
    )
    again = _password_field("The same again")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        """Ask Django's validators."""
        password = str(self.cleaned_data["password"])
        validate_password(password, self.user)
        return password

    def clean(self) -> dict[str, Any]:
        """Compare the two."""
        data = super().clean() or self.cleaned_data
        if "password" in data and data["password"] != data.get("again", data["password"]):
            self.add_error("again", "The two are not the same. Type both again.")
        return data


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@recently_signed_in
def password(request: HttpRequest) -> HttpResponse:
    """Set the password; sessions in other browsers end."""
    user = signed_in(request)
    form = PasswordForm(typed(request), user=user)
    if not form.is_valid():
        context = {"form": form, "has_password": user.has_usable_password()}
        status = 422 if form.is_bound else 200
        return render(request, "pages/account_password.html", context, status=status)
    user.choose_password(form.cleaned_data["password"])
    update_session_auth_hash(request, user)
    messages.success(request, "The password is saved. Other browsers are signed out.")
    return redirect("account")
