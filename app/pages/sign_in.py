"""Sign in with a password or an e-mailed link, and sign out."""

import secrets
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from app.accounts import mailed_links
from app.accounts import sign_in as links
from app.accounts.models import MailedLink, User
from app.accounts.throttle import MAILS_TO, PASSWORDS_OF, TRIES_OF_ADDRESS, give_back
from app.pages import mail, session, tries
from app.pages.email_field import EmailField
from app.web.client_address import network_of_client

BROWSER_COOKIE = "stillhere_sign_in"


class SignInForm(forms.Form):
    """One form with two buttons: the password counts for the first one only."""

    email = EmailField(widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with a password."""
    if request.method != "POST":
        user = request.user
        known = {"email": user.email} if user.is_authenticated else {}
        return _page(request, SignInForm(initial=known), 200)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form, 422)
    if not form.cleaned_data["password"]:
        form.add_error("password", "Type your password, or have a link e-mailed.")
        return _page(request, form, 422)
    return _try_password(request, form)


@never_cache
@require_POST
def mail_link(request: HttpRequest) -> HttpResponse:
    """Mail a link. The answer does not say whether the address is known."""
    form, now = SignInForm(request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, form, 422)
    email = form.cleaned_data["email"].lower()
    spent = ((TRIES_OF_ADDRESS, network_of_client(request)), (MAILS_TO, email))
    if answer := tries.refused(form, spent, now, lambda status: _page(request, form, status)):
        return answer
    browser, goal = secrets.token_urlsafe(24), session.goal(request)
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    link = links.make_link(user, now, browser)
    link += "?" + urlencode({"next": goal}) if goal != "/" else ""
    mail.send("sign_in", user.email if user else "", link=link)
    context = {"email": email, "mail_is_kept": mail.is_kept()}
    response = render(request, "pages/sign_in_mailed.html", context)
    _remember(response, browser)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def use_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in with a link: at once in the browser that asked for it, else after a click."""
    link = links.find_link(token, timezone.now())
    if link is None:
        if request.user.is_authenticated:
            return redirect("home")
        return render(request, "pages/sign_in_spent.html", status=410)
    is_ours = links.is_of_browser(link, request.COOKIES.get(BROWSER_COOKIE, ""))
    if request.method == "POST" or (request.method == "GET" and is_ours):
        return _enter(request, link)
    context = {"email": link.user, "next": request.GET.get("next", "")}
    return render(request, "pages/sign_in_confirm.html", context)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    auth.logout(request)
    return redirect("sign_in")


def _try_password(request: HttpRequest, form: SignInForm) -> HttpResponse:
    """Sign in, or say that it does not fit, each time for one try."""
    email, now = form.cleaned_data["email"].lower(), timezone.now()
    spent = ((TRIES_OF_ADDRESS, network_of_client(request)), (PASSWORDS_OF, email))
    if answer := tries.refused(form, spent, now, lambda status: _page(request, form, status)):
        return answer
    password = form.cleaned_data["password"]
    user = auth.authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        form.add_error("password", "This address and this password do not belong together.")
        return _page(request, form, 422)
    for limit, who in spent:
        give_back(limit, who, now)
    session.begin(request, user, now)
    return redirect(session.goal(request))


def _enter(request: HttpRequest, link: MailedLink) -> HttpResponse:
    user = links.use_up(link)
    if user is None:
        return render(request, "pages/sign_in_spent.html", status=410)
    session.begin(request, user, timezone.now())
    response = redirect(session.goal(request))
    response.delete_cookie(BROWSER_COOKIE)
    return response


def _page(request: HttpRequest, form: SignInForm, status: int) -> HttpResponse:
    goal = session.goal(request)
    is_open = settings.SIGN_UP == "open"
    context = {"form": form, "next": goal if goal != "/" else "", "sign_up_is_open": is_open}
    return render(request, "pages/sign_in.html", context, status=status)


def _remember(response: HttpResponse, browser: str) -> None:
    response.set_cookie(
        BROWSER_COOKIE,
        browser,
        max_age=mailed_links.LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
