"""A project's ping key: this is where it is made and revoked, and receivers are told."""

from datetime import datetime

from django.db import transaction

from app import wakeups
from app.accounts import keys
from app.accounts.models import Project
from app.checks.models import next_change

HINT_CHARS = 4


def issue(project: Project, now: datetime) -> str:
    """Return a new ping key, the only time that it can be told. The older one ends with it."""
    key = keys.new_ping_key()
    hint, digest = key[:HINT_CHARS], keys.digest(key)
    _store(project, ping_key_digest=digest, ping_key_hint=hint, ping_key_since=now)
    return key


def revoke(project: Project) -> None:
    """Leave the project without a ping key: its slugs cannot be pinged any more."""
    _store(project, ping_key_digest=None, ping_key_hint="", ping_key_since=None)


def _store(project: Project, **values: str | datetime | None) -> None:
    """Write the columns of the key. Project.DoesNotExist when the project is deleted."""
    with transaction.atomic():
        change = next_change()  # the counter first, then rows: the order of locks everywhere
        row = Project.objects.held().get(pk=project.pk)
        for name, value in {**values, "directory_change": change}.items():
            setattr(row, name, value)
        row.save(update_fields=[*values, "directory_change"])
        transaction.on_commit(lambda: wakeups.wake(wakeups.DRAIN))
