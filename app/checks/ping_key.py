"""A project's ping key: this is where it is made and revoked, and receivers are told."""

from django.db import transaction

from app import wakeups
from app.accounts import keys
from app.accounts.models import Project
from app.checks.models import next_change


def issue(project: Project) -> str:
    """Return a new ping key, the only time that it can be told. The older one ends with it."""
    key = keys.new_ping_key()
    _store(project, keys.digest(key))
    return key


def revoke(project: Project) -> None:
    """Leave the project without a ping key: its slugs cannot be pinged any more."""
    _store(project, None)


def _store(project: Project, digest: str | None) -> None:
    with transaction.atomic():
        change = next_change()  # the counter first, then rows: the order of locks everywhere
        row = Project.objects.select_for_update().get(pk=project.pk)
        row.ping_key_digest, row.directory_change = digest, change
        row.save(update_fields=["ping_key_digest", "directory_change"])
        transaction.on_commit(lambda: wakeups.wake(wakeups.DRAIN))
