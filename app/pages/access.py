"""Who may see and who may change: this is where every page finds its project."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render

from app.accounts.models import Member, Project, Role, User
from app.alerts.models import Channel
from app.checks.models import Check

NEEDS = {
    Role.MEMBER: "You may look at the project {name!r}, but not change it. "
    "Ask its owner for the role of a member.",
    Role.MANAGER: "People, invitations and keys of the project {name!r} are for its managers. "
    "Ask its owner for the role of a manager.",
    Role.OWNER: "This is for the owner of the project {name!r} alone.",
}


@dataclass(frozen=True, slots=True)
class Access:
    """A project as one user sees it; `others` are the projects to switch to."""

    project: Project
    member: Member
    others: tuple[Project, ...]
    zone: ZoneInfo

    @property
    def may_write(self) -> bool:
        """Checks and channels."""
        return self.member.may(Role.MEMBER)

    @property
    def may_manage(self) -> bool:
        """The project's name, its people and its keys."""
        return self.member.may(Role.MANAGER)

    @property
    def is_owner(self) -> bool:
        """To give the project away or delete it."""
        return self.member.may(Role.OWNER)

    def require(self, least: Role) -> None:
        """Answer 403, with the way out, to a member whose role is less."""
        if not self.member.may(least):
            raise PermissionDenied(NEEDS[least].format(name=self.project.name))

    def require_write(self) -> None:
        """Answer 403 to a member who may only look."""
        self.require(Role.MEMBER)


def signed_in(request: HttpRequest) -> User:
    """Return the user; only behind login_required."""
    if isinstance(request.user, AnonymousUser):
        raise PermissionDenied
    return request.user


def typed(request: HttpRequest) -> QueryDict | None:
    """Return what was typed into a form; None when it is not sent yet."""
    return request.POST if request.method == "POST" else None


def memberships(user: User) -> list[Member]:
    """Return the user's memberships with their projects, oldest project first."""
    return list(user.memberships.select_related("project").order_by("project_id"))


def open_project(request: HttpRequest, code: UUID) -> Access:
    """Return the project of that code; 404 to a stranger."""
    user = signed_in(request)
    mine = memberships(user)
    for member in mine:
        if member.project.code == code:
            others = tuple(other.project for other in mine if other != member)
            return Access(member.project, member, others, zone_of(user))
    raise Http404("There is no such project, or you are not a member of it.")


def zone_of(user: User) -> ZoneInfo:
    """Return the zone in which the user reads times."""
    try:
        return ZoneInfo(user.tz)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")  # a zone that this machine's data no longer has


def open_check(request: HttpRequest, code: UUID) -> tuple[Access, Check]:
    """Return the check of that code and its project; 404 to a stranger."""
    checks = Check.objects.visible_to(request.user).select_related("project")
    check = get_object_or_404(checks, code=code)
    return open_project(request, check.project.code), check


def open_channel(request: HttpRequest, code: UUID) -> tuple[Access, Channel]:
    """Return the channel of that code and its project; 404 to a stranger."""
    channels = Channel.objects.visible_to(request.user).select_related("project")
    channel = get_object_or_404(channels, code=code)
    return open_project(request, channel.project.code), channel


@contextmanager
def gone_is_404() -> Iterator[None]:
    """Answer 404 when another tab deletes the row between its being opened and its verb."""
    try:
        yield
    except ObjectDoesNotExist as gone:
        raise Http404("It was deleted a moment ago.") from gone


def page(
    request: HttpRequest,
    access: Access,
    template: str,
    context: Mapping[str, Any],
    status: int = 200,
) -> HttpResponse:
    """Render a page of a project, with the header that says where one is."""
    here = {"access": access, "project": access.project, "zone": access.zone, **context}
    return render(request, template, here, status=status)
