"""One's own account: who one is here, and which projects one is in."""

from django import forms
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from app.checks.zones import canonical_tz
from app.pages import words
from app.pages.access import memberships, signed_in, typed, zone_of
from app.pages.check_form import zone_names


class ZoneForm(forms.Form):
    """The zone in which pages show times."""

    tz = forms.CharField(
        label="Time zone of the pages",
        max_length=36,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
        help_text="Such as Europe/Riga. Each check has a zone of its own for its schedule.",
    )

    def clean_tz(self) -> str:
        """Return today's name of the zone."""
        name = canonical_tz(str(self.cleaned_data["tz"]))
        if name not in zone_names():
            raise ValidationError(f"There is no time zone {name!r}. Choose one of the list.")
        return name


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the account; save the time zone."""
    user = signed_in(request)
    form = ZoneForm(typed(request), initial={"tz": user.tz})
    if form.is_valid():
        user.tz = form.cleaned_data["tz"]
        user.save(update_fields=["tz"])
        messages.success(request, f"Pages show times of {user.tz} now.")
        return redirect("account")
    context = {
        "form": form,
        "zones": zone_names(),
        "clock": words.clock(now := timezone.now(), now, zone_of(user)),
        "has_password": user.has_usable_password(),
        "memberships": memberships(user),
    }
    return render(request, "pages/account.html", context, status=422 if form.is_bound else 200)


@require_POST
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End the user's sessions in all browsers, this one too."""
    signed_in(request).end_sessions()
    auth.logout(request)
    messages.success(request, "You are signed out in every browser.")
    return redirect("sign_in")
