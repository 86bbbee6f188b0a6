"""Where a form leads when it is done: this is where `next` is believed, or not."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def own_path(request: HttpRequest, otherwise: str) -> str:
    """Return the form's `next` if that is a path of ours."""
    goal = request.POST.get("next", "")
    return goal if is_own(goal) else otherwise


def is_own(goal: str) -> bool:
    """Return True for a path of ours, and for no other site however it is written."""
    return goal.startswith("/") and url_has_allowed_host_and_scheme(goal, allowed_hosts=None)
