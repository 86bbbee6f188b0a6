"""Which checks a channel tells of: the part of its form that chooses them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet

from app.alerts.models import Channel
from app.checks.models import Check
from app.pages.row_boxes import RowBoxes

MOST_BOXES = 50  # to tick one by one; beyond that whole groups are chosen
KEEP, ALL, NONE = "keep", "all", "none"
TAG = "tag:"


def field(channel: Channel) -> forms.Field:
    """Return a box for each check, or, when they are many, a choice of groups."""
    checks = _of_project(channel)
    told = channel.checks.count()
    if checks.count() <= MOST_BOXES:
        boxes = RowBoxes(
            queryset=checks.order_by("name", "pk"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            initial=channel.checks.all(),
        )
        boxes.label = "Checks"
        return boxes
    return forms.ChoiceField(
        label="Checks",
        choices=[
            (KEEP, f"As it is: {told} of {checks.count()} checks"),
            (ALL, "All checks that the project has now"),
            (NONE, "None"),
            *((f"{TAG}{tag}", f"Those with the tag {tag}, and no others") for tag in _tags(checks)),
        ],
    )


@dataclass(frozen=True, slots=True)
class Change:
    """The checks that a channel tells of from now on, and those that it does not any more."""

    added: Collection[int] = ()
    removed: Collection[int] = ()

    def apply(self, channel: Channel) -> None:
        """Write it."""
        channel.checks.remove(*self.removed)
        channel.checks.add(*self.added)


def change(channel: Channel, chosen: Any) -> Change:
    """Return what the field's cleaned value changes; what is added is locked.

    Call it before the channel is locked: who edits a check locks in this order.
    """
    if chosen == KEEP:
        return Change()
    wanted = _wanted(channel, chosen)
    told = set(channel.checks.values_list("pk", flat=True))
    return Change(_still_there(wanted - told), told - wanted)


def _wanted(channel: Channel, chosen: Any) -> set[int]:
    if not isinstance(chosen, str):
        return {check.pk for check in chosen}
    if chosen == NONE:
        return set()
    rows = _of_project(channel).values_list("pk", "tags")
    tag = chosen.removeprefix(TAG)
    return {pk for pk, tags in rows if chosen == ALL or tag in tags.split()}


def _still_there(wanted: Collection[int]) -> list[int]:
    """Return the checks, locked; without those that another tab has deleted since."""
    rows = Check.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def _of_project(channel: Channel) -> QuerySet[Check]:
    return Check.objects.filter(project=channel.project_id)


def _tags(checks: QuerySet[Check]) -> list[str]:
    texts = checks.exclude(tags="").values_list("tags", flat=True)
    return sorted({tag for text in texts for tag in text.split()})
