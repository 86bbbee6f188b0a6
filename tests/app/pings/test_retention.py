"""What is kept (app/pings/retention.py)."""

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from app.accounts.models import Project
from app.pings import gone, retention
from app.pings.apply import apply
from app.pings.frames import Entry, encode, segment_header
from app.pings.journal import Place, segment_path
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
    ("age", "drained", "safe", "expected"),
    [
        (1_000, 3, 3, [1, 2]),
        (800, 3, 3, []),
        (1_000, 1, 1, []),
        (1_000, 4, 4, [1, 2, 3]),
        (1_000, 4, 2, [1]),  # a standby lacks what was drained since
        (1_000, 4, 0, []),  # nobody knows what the standby has
    ],
)
def test_a_segment_goes_when_it_is_drained_old_and_on_every_standby(
    tmp_path: Path, age: int, drained: int, safe: int, expected: list[int]
) -> None:
    known = _segments(tmp_path, [10, 10, 10, 10], age)
    dropping = droppable(known, drained, safe)
    assert dropping.paths == tuple(known[number] for number in expected)
    assert dropping.early == 0


@pytest.mark.parametrize(("age", "safe"), [(10, 4), (1_000, 1)])
def test_kept_segments_make_room_before_the_journal_is_half_full_and_that_is_counted(
    tmp_path: Path, age: int, safe: int
) -> None:
    known = _segments(tmp_path, [300, 300, 300, 10], age)
    dropping = droppable(known, 4, safe)
    assert dropping == retention.Dropping((known[1], known[2]), early=2)


def droppable(known: dict[int, Path], drained: int, safe: int) -> retention.Dropping:
    places = Place(drained, 68), Place(safe, 68)
    return retention.droppable(known, *places, NOW, keep_seconds=900, limit_bytes=1_000)


@pytest.mark.django_db(transaction=True)  # SQLite makes no checkpoint inside one
def test_what_is_dropped_early_is_said_and_counted_also_in_pings(
    tmp_path: Path, position: Position, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JOURNAL_LIMIT_BYTES, journal = 100, tmp_path / "0"
    journal.mkdir()
    frame = encode(uuid4(), Entry(uuid4().bytes, event(0)))
    for number, pings in enumerate((3, 2, 0), start=1):
        segment = segment_header(uuid4(), 0, number) + pings * frame + b"\0" * 50
        segment_path(journal, number).write_bytes(segment)
    retention.drop_segments(journal, position.pk, Place(3, 68), Place())
    assert [path.stem[-1] for path in journal.glob("*.journal")] == ["3"]
    position.refresh_from_db()
    assert position.dropped_early == 2
    assert [each.levelname for each in caplog.records] == ["INFO", "ERROR"]
    assert gone.pings_between(journal, 1, 3) == 5
    assert gone.pings_between(journal, 2, 3) == 2
    assert gone.pings_between(journal, 0, 3) is None


def test_counting_what_goes_takes_no_memory_for_a_whole_segment(tmp_path: Path) -> None:
    frame = encode(uuid4(), Entry(uuid4().bytes, replace(event(0), body=b"x" * 100_000)))
    path = segment_path(tmp_path, 1)
    path.write_bytes(segment_header(uuid4(), 0, 1) + 80 * frame + frame[:-1])
    tracemalloc.start()
    try:
        assert gone.frames_in(path) == 80
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
