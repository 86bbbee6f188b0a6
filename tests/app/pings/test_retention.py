"""What is kept (app/pings/retention.py)."""

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from app.accounts.models import Project
from app.pings import retention
from app.pings.apply import apply
from app.pings.journal import Place
from app.pings.models import Position
from tests.app.pings.test_apply import event, new_check, position, project, to

__all__ = ["position", "project"]  # fixtures
pytestmark = pytest.mark.django_db


def test_a_log_is_pruned_to_its_limit_in_bounded_steps(
    project: Project, position: Position, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PING_LOG_LIMIT = 40
    monkeypatch.setattr(retention, "MOST_PRUNED", 25)
    check = new_check(project)
    done = apply(position.pk, to(check, *(event(n / 10) for n in range(120))), None)
    assert done.to_prune == [(check.pk, 80)]
    reached = [0]
    while reached[-1] < 80:
        reached.append(retention.prune_pings(check.pk, 80, reached[-1]))
    assert reached == [0, 25, 50, 75, 80]
    assert retention.prune_pings(check.pk, 80) == 80
    assert list(check.pings.order_by("n").values_list("n", flat=True)) == list(range(81, 121))


def _segments(directory: Path, sizes: list[int], age_seconds: int) -> dict[int, Path]:
    found = {}
    for number, size in enumerate(sizes, start=1):
        found[number] = directory / f"{number}"
        found[number].write_bytes(b"x" * size)
        os.utime(found[number], (NOW - age_seconds, NOW - age_seconds))
    return found


NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("age", "drained", "expected"),
    [(1_000, 3, [1, 2]), (800, 3, []), (1_000, 1, []), (1_000, 4, [1, 2, 3])],
)
def test_a_segment_goes_when_it_is_drained_and_old(
    tmp_path: Path, age: int, drained: int, expected: list[int]
) -> None:
    known = _segments(tmp_path, [10, 10, 10, 10], age)
    gone = retention.droppable(known, Place(drained, 68), NOW, keep_seconds=900, limit_bytes=1_000)
    assert list(gone) == [known[number] for number in expected]


def test_kept_segments_make_room_before_the_journal_is_half_full(tmp_path: Path) -> None:
    known = _segments(tmp_path, [300, 300, 300, 10], 10)
    gone = retention.droppable(known, Place(4, 68), NOW, keep_seconds=900, limit_bytes=1_000)
    assert list(gone) == [known[1], known[2]]
