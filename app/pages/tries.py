"""How often may somebody try? This is where a page asks, and says how long to wait."""

from collections.abc import Callable
from datetime import datetime

from django import forms
from django.http import HttpResponse

from app.accounts.throttle import Limit, forget_idle, take
from app.pages import words

Try = tuple[Limit, str]


def refused(
    form: forms.Form, tries: tuple[Try, ...], now: datetime, page: Callable[[int], HttpResponse]
) -> HttpResponse | None:
    """Take one try of each limit. When one is used up, return the page (of a status) that says so.

    How long to wait is said in the form, and to programs in Retry-After.
    """
    forget_idle(now)
    for limit, who in tries:
        if wait := take(limit, who, now):
            seconds = int(wait.total_seconds()) + 1
            form.add_error(None, f"Too many tries. Try again in {words.duration(seconds)}.")
            response = page(429)
            response["Retry-After"] = str(seconds)
            return response
    return None
