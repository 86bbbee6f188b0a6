"""The keys of a project: make, replace, revoke. The answer that makes a key shows it, once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from app.accounts import api_keys
from app.accounts.models import ApiKey, Project, Role
from app.checks import ping_key
from app.pages.access import Access, gone_is_404, open_project, page

PING = "ping"
API_KINDS = {"read-write": ApiKey.Kind.READ_WRITE, "read-only": ApiKey.Kind.READ_ONLY}
WORDS = {
    "read-write": ("API key, read and write", "Programs that add and change checks."),
    "read-only": ("API key, read only", "Programs that look: dashboards and reports."),
    PING: ("Ping key", "Jobs that ping by slug, instead of by the address of one check."),
}


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A kind of key and the living one, if there is any: how it begins, and since when.

    `state` names the living one. Who replaces it says which one they saw, so that
    a form sent again does not end the key that it has made.
    """

    kind: str
    title: str
    what: str
    hint: str = ""
    since: datetime | None = None
    state: str = ""

    @property
    def is_there(self) -> bool:
        """Return True when there is a living key."""
        return self.hint != ""


def key_lines(project: Project) -> list[KeyLine]:
    """Return a line for each kind of key."""
    living = {key.kind: key for key in project.api_keys.filter(revoked_at__isnull=True)}
    lines = [_api_line(name, living.get(kind)) for name, kind in API_KINDS.items()]
    return [*lines, _ping_line(project)]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def make(request: HttpRequest, project: UUID, kind: str) -> HttpResponse:
    """Ask, then make a key and show it, this once."""
    access, line = _open_key(request, project, kind)
    context = {"line": line, "nav": "in project"}
    if request.method != "POST":
        return page(request, access, "pages/key.html", context)
    if request.POST.get("state", "") != line.state:
        messages.info(request, f"{line.title}: it was changed meanwhile. Nothing was done now.")
        return redirect("project", project)
    now = timezone.now()
    with gone_is_404():
        if kind == PING:
            key = ping_key.issue(access.project, now)
        else:
            key = api_keys.issue(access.project, API_KINDS[kind], now)
    context |= {"key": key, "ping_endpoint": settings.PING_ENDPOINT}
    return page(request, access, "pages/key_made.html", context)


@require_POST
@login_required
def revoke(request: HttpRequest, project: UUID, kind: str) -> HttpResponse:
    """Make a key worthless."""
    access, line = _open_key(request, project, kind)
    with gone_is_404():
        if kind == PING:
            ping_key.revoke(access.project)
        else:
            api_keys.revoke(access.project, API_KINDS[kind], timezone.now())
    messages.success(request, f"{line.title}: revoked.")
    return redirect("project", project)


def _open_key(request: HttpRequest, project: UUID, kind: str) -> tuple[Access, KeyLine]:
    access = open_project(request, project)
    access.require(Role.MANAGER)
    for line in key_lines(access.project):
        if line.kind == kind:
            return access, line
    raise Http404("There is no such kind of key.")


def _api_line(name: str, key: ApiKey | None) -> KeyLine:
    title, what = WORDS[name]
    if key is None:
        return KeyLine(name, title, what)
    return KeyLine(name, title, what, key.hint, key.created_at, str(key.pk))


def _ping_line(project: Project) -> KeyLine:
    title, what = WORDS[PING]
    if project.ping_key_digest is None:
        return KeyLine(PING, title, what)
    # One made before hints were kept has none.
    hint, state = project.ping_key_hint or "…", str(project.directory_change)
    return KeyLine(PING, title, what, hint, project.ping_key_since, state)
