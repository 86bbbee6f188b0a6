"""Sign in with a password or an e-mailed link, and sign out."""

import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from app.accounts import sign_in as links
from app.accounts.models import MailedLink, User
from app.accounts.throttle import (
    MAILS_TO,
    PASSWORDS_OF,
    TRIES_OF_ADDRESS,
    Limit,
    forget_idle,
    give_back,
    take,
)
from app.pages import sign_in_mail, words
from app.web.client_address import network_of_client

BACKEND = "django.contrib.auth.backends.ModelBackend"
BROWSER_COOKIE = "stillhere_sign_in"


class SignInForm(forms.Form):
    """One form with two buttons: the password counts for the first one only."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
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
        return _page(request, SignInForm(), 200)
    form, now = SignInForm(request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, form, 422)
    email, password = form.cleaned_data["email"].lower(), form.cleaned_data["password"]
    if not password:
        form.add_error("password", "Type your password, or have a link e-mailed.")
        return _page(request, form, 422)
    tries = ((TRIES_OF_ADDRESS, network_of_client(request)), (PASSWORDS_OF, email))
    if wait := _wait(tries, now):
        return _too_many(request, form, wait)
    user = auth.authenticate(request, username=email, password=password)
    if user is None:
        form.add_error("password", "This address and this password do not belong together.")
        return _page(request, form, 422)
    for limit, who in tries:
        give_back(limit, who, now)
    auth.login(request, user)
    return redirect(_next(request))


@never_cache
@require_POST
def mail_link(request: HttpRequest) -> HttpResponse:
    """Mail a link. The answer does not say whether the address is known."""
    form, now = SignInForm(request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, form, 422)
    email = form.cleaned_data["email"].lower()
    if wait := _wait(((TRIES_OF_ADDRESS, network_of_client(request)), (MAILS_TO, email)), now):
        return _too_many(request, form, wait)
    browser, goal = secrets.token_urlsafe(24), _next(request)
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    link = links.make_link(user, now, browser)
    link += "?" + urlencode({"next": goal}) if goal != "/" else ""
    sign_in_mail.send(user.email if user else "", link)
    response = render(request, "pages/sign_in_mailed.html", {"email": email})
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


def _enter(request: HttpRequest, link: MailedLink) -> HttpResponse:
    user = links.use_up(link)
    if user is None:
        return render(request, "pages/sign_in_spent.html", status=410)
    auth.login(request, user, backend=BACKEND)
    response = redirect(_next(request))
    response.delete_cookie(BROWSER_COOKIE)
    return response


def _next(request: HttpRequest) -> str:
    """Return where the person was going, if that is a path of ours."""
    goal = request.POST.get("next") or request.GET.get("next") or ""
    is_own = goal.startswith("/") and url_has_allowed_host_and_scheme(goal, allowed_hosts=None)
    return goal if is_own else "/"


def _wait(tries: tuple[tuple[Limit, str], ...], now: datetime) -> timedelta | None:
    """Take one try of each limit. Return how long to wait when one is used up."""
    forget_idle(now)
    for limit, who in tries:
        if wait := take(limit, who, now):
            return wait
    return None


def _too_many(request: HttpRequest, form: SignInForm, wait: timedelta) -> HttpResponse:
    seconds = int(wait.total_seconds()) + 1
    form.add_error(None, f"Too many tries. Try again in {words.duration(seconds)}.")
    response = _page(request, form, 429)
    response["Retry-After"] = str(seconds)
    return response


def _page(request: HttpRequest, form: SignInForm, status: int) -> HttpResponse:
    goal = _next(request)
    context = {"form": form, "next": goal if goal != "/" else ""}
    return render(request, "pages/sign_in.html", context, status=status)


def _remember(response: HttpResponse, browser: str) -> None:
    response.set_cookie(
        BROWSER_COOKIE,
        browser,
        max_age=links.LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
