"""Tell the receivers' directories what changed in the database: two indexed queries a change."""

from django.db import transaction

from app.accounts.models import Project
from app.checks.models import Check, DirectoryCounter, Tombstone
from app.pings.directory import Changes
from app.pings.timelines import is_of_lost_change


def newest() -> int:
    """Return the number of the last change."""
    return DirectoryCounter.objects.filter(pk=1).values_list("value", flat=True).first() or 0


def changes_since(number: int) -> Changes:
    """Return what changed after `number`; everything when it is not, or not surely, one of ours.

    Changes commit in the order of their numbers (checks.models.next_change), so
    whoever has read up to n has missed nothing below n.
    """
    with transaction.atomic():
        upto = newest()
        is_whole = not 0 <= number <= upto or is_of_lost_change(number)
        after = -1 if is_whole else number
        checks = Check.objects.filter(directory_change__gt=after)
        projects = Project.objects.filter(directory_change__gt=after)
        # With everything go all tombstones: what has none is kept (Directory.apply).
        gone = Tombstone.objects.filter(directory_change__gt=after)
        return Changes(
            upto,
            [
                (code.bytes, project, slug)
                for code, project, slug in checks.values_list(
                    "code", "project_id", "slug"
                ).iterator()
            ],
            [
                (project, digest or "")
                for project, digest in projects.values_list("id", "ping_key_digest")
            ],
            [tombstone.code.bytes for tombstone in gone],
            is_whole,
        )
