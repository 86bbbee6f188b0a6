"""The status that a person sees, as SQL: this is where many checks are ranked at once."""

from datetime import datetime

from django.db.models import Case, IntegerField, Q, Value, When

from app.checks.state import Shown, Status

TROUBLE_FIRST = (Shown.DOWN, Shown.LATE, Shown.UP, Shown.NEW, Shown.PAUSED)


def rank(now: datetime, prefix: str = "") -> Case:
    """Return the place in TROUBLE_FIRST of what `state.shown` says at `now`.

    `prefix` leads to the check from another model, as in "checks__".
    """

    def when(shown: Shown, **conditions: object) -> When:
        of_check = {prefix + name: value for name, value in conditions.items()}
        return When(Q(**of_check), then=Value(TROUBLE_FIRST.index(shown)))

    return Case(
        when(Shown.DOWN, status=Status.DOWN),
        when(Shown.DOWN, down_at__lte=now),
        when(Shown.LATE, status=Status.UP, due_at__lte=now),
        when(Shown.UP, status=Status.UP),
        when(Shown.NEW, status=Status.NEW),
        when(Shown.PAUSED, status=Status.PAUSED),
        output_field=IntegerField(),
    )
