"""A segment that its writer did not leave in order (app/pings/segment.py)."""

import os
from pathlib import Path

import pytest

from app.pings.journal import segments
from tests.app.pings.test_frames import entry
from tests.app.pings.test_journal import frame, opened


def test_what_a_killed_receiver_left_is_on_disk_before_the_next_segment_says_where_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = opened(tmp_path)
    end = killed.append(frame(killed, entry(0)))
    assert killed._segment is not None
    for handle in (killed._lock, killed._segment._handle):
        os.close(handle)  # as kill -9 does: nothing else is done in order
    synced: list[str] = []
    sync = os.fdatasync

    def noting(handle: int) -> None:
        sync(handle)
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)

    monkeypatch.setattr(os, "fdatasync", noting)
    journal = opened(tmp_path)
    journal.close()
    first, second = (path.name for path in segments(tmp_path).values())
    assert synced.index(first) < synced.index(second)
    assert segments(tmp_path)[end.segment].stat().st_size == end.offset
