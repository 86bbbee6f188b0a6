"""A user, a project and its keys: this is where they are made ready for a program to use."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from app.accounts import api_keys
from app.accounts.models import ApiKey, Project, Role, User
from app.alerts.founding import begin
from app.checks import ping_key

FIRST_PROJECT = "My project"


@dataclass(frozen=True, slots=True)
class Access:
    """What a program needs to use a project. A key is None when it was shown before."""

    base_url: str
    ping_url: str
    project: UUID
    api_key: str | None
    api_key_readonly: str | None
    ping_key: str | None


def bootstrap(email: str, name: str, now: datetime, *, new_keys: bool = False) -> Access:
    """Return access to the project `name` of the user, making what is missing.

    The same user and name are the same project. Keys are kept as digests, so a
    key can be told only when it is made; `new_keys` revokes all and makes others.
    """
    with transaction.atomic():
        project = own_project(email, name)
        ping = _ping_key(project, now, new_keys)  # first: it locks the directory's counter
        return Access(
            base_url=settings.SITE_ROOT,
            ping_url=settings.PING_ENDPOINT,
            project=project.code,
            api_key=_api_key(project, ApiKey.Kind.READ_WRITE, now, new_keys),
            api_key_readonly=_api_key(project, ApiKey.Kind.READ_ONLY, now, new_keys),
            ping_key=ping,
        )


def own_project(email: str, name: str) -> Project:
    """Return the user's own project, making user, project and e-mail channel when missing."""
    with transaction.atomic():
        user, _ = User.objects.of_mailbox(email)
        # Two of us make one project. Not the key: who holds the project may name the user.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        owned = Project.objects.filter(members__user=user, members__role=Role.OWNER, name=name)
        return owned.order_by("pk").first() or begin(user, name)


def _api_key(project: Project, kind: ApiKey.Kind, now: datetime, is_new: bool) -> str | None:
    has_one = project.api_keys.filter(kind=kind, revoked_at__isnull=True).exists()
    return None if has_one and not is_new else api_keys.issue(project, kind, now)


def _ping_key(project: Project, now: datetime, is_new: bool) -> str | None:
    return None if project.ping_key_digest and not is_new else ping_key.issue(project, now)
