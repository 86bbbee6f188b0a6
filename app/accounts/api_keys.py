"""Keys of the management API: this is where a project gets one, and loses it."""

from datetime import datetime

from django.db import transaction

from app.accounts import keys
from app.accounts.models import ApiKey, Project

HINT_CHARS = 8


def issue(project: Project, kind: ApiKey.Kind, now: datetime) -> str:
    """Return a new key, the only time that it can be told. An older one of its kind is revoked."""
    key = keys.new_api_key(kind.value)
    with transaction.atomic():
        Project.objects.held().get(pk=project.pk)  # two of us, one after the other
        revoke(project, kind, now)
        hint, digest = key[:HINT_CHARS], keys.digest(key)
        project.api_keys.create(kind=kind, hint=hint, digest=digest)
    return key


def revoke(project: Project, kind: ApiKey.Kind, now: datetime) -> bool:
    """Make the project's key of that kind worthless; False when there is none."""
    living = project.api_keys.filter(kind=kind, revoked_at__isnull=True)
    return bool(living.update(revoked_at=now))
