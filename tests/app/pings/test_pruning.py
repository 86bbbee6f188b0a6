"""Logs are cut beside the drain's work (app/pings/pruning.py)."""

import pytest
from pytest_django import Settings

from app.accounts.models import Project
from app.pings import pruning, retention
from app.pings.apply import apply
from app.pings.journal import Place
from app.pings.models import Position
from tests.app.pings.test_apply import event, new_check, position, project, to

__all__ = ["position", "project"]  # fixtures
pytestmark = pytest.mark.django_db


def test_a_busy_drain_prunes_in_its_share_and_an_idle_one_step_by_step(
    project: Project, position: Position, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PING_LOG_LIMIT = 40
    monkeypatch.setattr(retention, "MOST_PRUNED", 20)
    check, pruner = new_check(project), pruning.Pruner()
    done = apply(position.pk, to(check, *(event(n / 10) for n in range(120))), None)
    pruner.want(done.to_prune)
    monkeypatch.setattr(pruning, "SHARE", 0.0)
    pruner.work(is_idle=False)
    assert check.pings.count() == 120
    pruner.work(is_idle=True)
    assert check.pings.count() == 100
    monkeypatch.setattr(pruning, "SHARE", 1e6)
    monkeypatch.setattr(pruning, "LONGEST_SECONDS", 1e6)
    pruner.work(is_idle=False)
    assert check.pings.count() == 40
    assert not pruner.has_work


def test_the_log_of_a_check_that_is_pinged_without_a_pause_stays_bounded(
    project: Project, position: Position, settings: Settings
) -> None:
    settings.PING_LOG_LIMIT = 100
    check, pruner, start, longest = new_check(project), pruning.Pruner(), Place(), 0
    for round_number in range(20):
        events = (event(round_number + n / 1_000) for n in range(500))
        batch = to(check, *events, start=start)
        pruner.want(apply(position.pk, batch, None).to_prune)
        start = batch.end
        pruner.work(is_idle=False)
        longest = max(longest, check.pings.count())
    assert longest < 3_000  # of 10,000
    assert list(check.pings.order_by("-n").values_list("n", flat=True)[:1]) == [10_000]
