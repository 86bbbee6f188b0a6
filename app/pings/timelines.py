"""A standby was promoted, or a backup restored: this is where it is noted, and since when."""

from datetime import datetime

from django.db import IntegrityError, transaction

from app.checks.models import DirectoryCounter
from app.database import server
from app.pings.models import Timeline

# Between the numbers of two timelines: more than a standby can lag behind.
LOST_NUMBERS = 1_000_000


def note(now: datetime) -> Timeline | None:
    """Return the timeline that this thread is connected to, noted at its first sight.

    None with SQLite.
    """
    here = server()
    if here is None:
        return None
    known = Timeline.objects.filter(system=here.system, number=here.timeline)
    found = known.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return _new(here.system, here.timeline, now)
    except IntegrityError:
        return known.get()  # another server was quicker


def changed_at(timeline: Timeline | None) -> datetime | None:
    """Return when the timeline took over from another one; None for the first one."""
    return timeline.seen_at if timeline and timeline.directory_number is not None else None


def is_of_lost_change(directory_number: int) -> bool:
    """Return True when the number may be that of a change which a failover has lost."""
    begun = Timeline.objects.filter(
        directory_number__lt=directory_number,
        directory_number__gt=directory_number - LOST_NUMBERS,
    )
    return begun.exists()


def _new(system: int, number: int, now: datetime) -> Timeline:
    timeline = Timeline(system=system, number=number, seen_at=now)
    if Timeline.objects.exists():
        counter, _ = DirectoryCounter.objects.select_for_update().get_or_create(pk=1)
        timeline.directory_number = counter.value
        counter.value += LOST_NUMBERS
        counter.save()
    timeline.save(force_insert=True)
    return timeline
