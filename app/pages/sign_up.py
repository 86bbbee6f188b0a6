"""Sign up: an address, a mail, and a click that makes the account."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.accounts import sign_in, sign_up
from app.accounts.models import User
from app.accounts.throttle import MAILS_TO, TRIES_OF_ADDRESS
from app.pages import mail, session, tries
from app.pages.access import typed
from app.pages.email_field import EmailField
from app.web.client_address import network_of_client


class SignUpForm(forms.Form):
    """All that an account needs."""

    email = EmailField()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Mail a link. The answer does not say whether the address is known."""
    if settings.SIGN_UP != "open":
        return _closed(request)
    form = SignUpForm(typed(request))
    if not form.is_valid():
        return _page(request, form, 422 if form.is_bound else 200)
    email = form.cleaned_data["email"]
    spent = ((TRIES_OF_ADDRESS, network_of_client(request)), (MAILS_TO, email.lower()))
    now = timezone.now()
    if answer := tries.refused(form, spent, now, lambda status: _page(request, form, status)):
        return answer
    # One query and one row either way, so that both take the same time.
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        mail.send("sign_up", email, link=sign_up.make_link(email, now))
    else:
        link = sign_in.make_link(user, now)
        mail.send("sign_in", user.email if user.is_active else "", link=link)
    context = {"email": email, "mail_is_kept": mail.is_kept()}
    return render(request, "pages/sign_up_mailed.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def use_link(request: HttpRequest, token: str) -> HttpResponse:
    """Make the account after a click: programs that scan mail open links too."""
    if settings.SIGN_UP != "open":
        return _closed(request)
    now = timezone.now()
    link = sign_up.find_link(token, now)
    if link is not None and request.method != "POST":
        return render(request, "pages/sign_up_confirm.html", {"email": link.email})
    user = sign_up.use_up(link) if link else None
    if user is None:
        if request.user.is_authenticated:
            return redirect("home")
        return render(request, "pages/sign_up_spent.html", status=410)
    session.begin(request, user, now)
    messages.success(request, "Your account is made, and you are signed in.")
    return redirect("home")


def _page(request: HttpRequest, form: SignUpForm, status: int) -> HttpResponse:
    return render(request, "pages/sign_up.html", {"form": form}, status=status)


def _closed(request: HttpRequest) -> HttpResponse:
    """Say who can let one in."""
    context = {"by_invitation": settings.SIGN_UP == "invitation"}
    status = 403 if request.method == "POST" else 200
    return render(request, "pages/sign_up_closed.html", context, status=status)
