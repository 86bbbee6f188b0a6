"""Sessions: this is where one begins, and where a page asks whether it began a short while ago."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import auth
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from app.accounts.models import User
from app.pages.next_page import is_own

BACKEND = "django.contrib.auth.backends.ModelBackend"
BEGAN_AT = "began_at"
RECENT = timedelta(minutes=30)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def begin(request: HttpRequest, user: User, now: datetime) -> None:
    """Sign the user in, in this browser."""
    auth.login(request, user, backend=BACKEND)
    request.session[BEGAN_AT] = now.timestamp()


def is_recent(request: HttpRequest, now: datetime) -> bool:
    """Return True until RECENT after the user signed in here."""
    began_at = float(request.session.get(BEGAN_AT, 0))
    return now.timestamp() - began_at <= RECENT.total_seconds()


def recently_signed_in(view: View[P]) -> View[P]:
    """Ask who signed in longer ago to do it again, and come back. Behind login_required."""

    @wraps(view)
    def asked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if is_recent(request, timezone.now()):
            return view(request, *args, **kwargs)
        return redirect_to_login(request.path)

    return asked


def goal(request: HttpRequest) -> str:
    """Return where the person was going (`next`), if that is a path of ours, or "/"."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    return path if is_own(path) else "/"
