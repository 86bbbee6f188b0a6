"""The rank that SQL gives is that of the pure rule."""

from datetime import UTC, datetime, timedelta

import pytest

from app.accounts.models import Project
from app.checks.models import Check
from app.checks.shown_now import TROUBLE_FIRST, rank
from app.checks.state import Status

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
TIMES = (None, *(NOW + timedelta(seconds=seconds) for seconds in (-60, 0, 1)))


@pytest.mark.django_db
def test_every_state_has_the_rank_of_what_a_person_sees() -> None:
    project = Project.objects.create(name="Production")
    Check.objects.bulk_create(
        Check(project=project, status=status, due_at=due_at, down_at=down_at)
        for status in Status
        for due_at in TIMES
        for down_at in TIMES
    )
    ranks = dict(Check.objects.annotate(rank=rank(NOW)).values_list("pk", "rank"))
    assert len(ranks) == len(Status) * len(TIMES) ** 2
    for check in Check.objects.all():
        assert TROUBLE_FIRST[ranks[check.pk]] is check.shown(NOW), check.state
