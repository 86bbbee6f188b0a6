"""How much the drain takes at once (app/pings/batches.py)."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app.pings import batches
from app.pings.drain_journals import Draining
from app.pings.frames import Entry, encode
from app.pings.journal import Journal, Place
from tests.app.pings.test_apply import T0, event


def drawn(directory: Path, pings: int, body: bytes = b"") -> Draining:
    """Write a journal of so many pings."""
    journal = Journal(directory, 0, limit_bytes=2**30, segment_bytes=2**24)
    identity = journal.identity
    for n in range(pings):
        journal.append(encode(identity.journal, Entry(uuid4().bytes, event(n, body=body))))
    journal.close()
    return Draining(directory, identity, 1, Place())


def test_batches_grow_while_the_drain_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LEAST_ENTRIES", 3)
    monkeypatch.setattr(batches, "MOST_ENTRIES", 10)
    draining = drawn(tmp_path, 30)
    found = list(batches.steps(draining, None))
    assert [len(step.batch.entries) for step in found] == [3, 6, 10, 10, 1, 0]
    assert [step.is_last for step in found] == [False] * 5 + [True]
    assert found[0].batch.end == found[1].batch.start
    assert found[1].applied_before == T0 + timedelta(minutes=8)
    draining.place = found[0].batch.end
    first = next(batches.steps(draining, None)), next(batches.steps(draining, None))
    assert [len(step.batch.entries) for step in first] == [3, 6]  # from one run to the next


def test_t_does_not_go_back_with_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LEAST_ENTRIES", 1)
    monkeypatch.setattr(batches, "MOST_ENTRIES", 1)
    journal = Journal(tmp_path, 0, limit_bytes=2**30, segment_bytes=2**24)
    for n in (5, 3, 7):
        journal.append(encode(journal.identity.journal, Entry(uuid4().bytes, event(n))))
    journal.close()
    draining = Draining(tmp_path, journal.identity, 1, Place())
    found = [step.applied_before for step in batches.steps(draining, None)]
    assert found == [T0 + timedelta(minutes=n) for n in (5, 5, 7, 7)]


def test_large_pings_are_taken_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_BYTES", 25_000)
    draining = drawn(tmp_path, 7, b"x" * 10_000)
    found = list(batches.steps(draining, None))
    assert [len(step.batch.entries) for step in found] == [3, 3, 1, 0]
