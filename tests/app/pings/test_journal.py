"""Writing and reading a journal (app/pings/journal.py, journal_reader.py, frames.py)."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pings import journal_reader
from app.pings.frames import HEADER_BYTES, Entry, encode
from app.pings.journal import (
    Journal,
    JournalBroken,
    JournalFull,
    JournalInUse,
    Place,
    read_identity,
    segments,
)
from tests.app.pings.test_frames import ENTRIES, entry


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "0"


@pytest.fixture
def journal(directory: Path) -> Iterator[Journal]:
    journal = opened(directory)
    yield journal
    journal.close()


def opened(directory: Path, *, limit: int = 10**9, segment: int = 10**6) -> Journal:
    return Journal(directory, 0, limit_bytes=limit, segment_bytes=segment)


def frame(journal: Journal, item: Entry) -> bytes:
    return encode(journal.identity.journal, item)


def read_all(
    directory: Path,
    journal: Journal,
    until: Place | None = None,
) -> list[Entry]:
    found: list[Entry] = []
    start = Place()
    while True:
        batch = journal_reader.read(
            directory, journal.identity, start, until=until, most_entries=3, chunk_bytes=400
        )
        found += [item for item, _ in batch.entries]
        if batch.end == start:
            return found
        start = batch.end


def test_what_was_appended_is_read_in_order_across_segments(directory: Path) -> None:
    journal = opened(directory, segment=300)
    entries = [entry(number) for number in range(40)]
    for item in entries:
        end = journal.append(frame(journal, item))
    assert len(segments(directory)) > 5
    assert read_all(directory, journal) == entries
    assert read_all(directory, journal, until=end) == entries


def test_nothing_beyond_what_the_receiver_has_synced_is_read(
    journal: Journal, directory: Path
) -> None:
    first = journal.append(frame(journal, entry(1)))
    journal.append(frame(journal, entry(2)))
    assert read_all(directory, journal, until=first) == [entry(1)]


def test_a_torn_last_frame_waits_and_is_dropped_when_the_segment_was_left(
    directory: Path,
) -> None:
    journal = opened(directory)
    journal.append(frame(journal, entry(1)))
    torn = frame(journal, entry(2))[:-3]
    journal.close()
    with segments(directory)[1].open("ab") as file:
        file.write(torn)
    assert read_all(directory, journal) == [entry(1)]
    again = opened(directory)
    again.append(frame(again, entry(3)))
    assert read_all(directory, again) == [entry(1), entry(3)]
    (aside,) = (directory / "damaged").iterdir()
    assert aside.read_bytes() == torn
    assert journal_reader.read(directory, again.identity, Place(), until=None).damaged == []
    again.close()


def test_damage_longer_than_a_chunk_is_passed_over(directory: Path) -> None:
    journal = opened(directory)
    journal.append(frame(journal, entry(1)))
    journal.close()
    with segments(directory)[1].open("ab") as file:
        file.write(b"\xf5" * 5_000)
    end = segments(directory)[1].stat().st_size
    again = opened(directory)
    with segments(directory)[1].open("ab") as file:
        file.write(frame(again, entry(2)))
    again.append(frame(again, entry(3)))
    assert read_all(directory, again) == [entry(1), entry(2), entry(3)]
    assert end > 5_000
    again.close()


def test_a_segment_number_is_never_used_again(directory: Path) -> None:
    for expected in range(1, 4):
        journal = opened(directory)
        assert journal.end == Place(expected, HEADER_BYTES)
        for number, path in segments(directory).items():
            if number < expected:
                path.unlink()
        journal.close()


def test_a_second_receiver_is_refused(journal: Journal, directory: Path) -> None:
    with pytest.raises(JournalInUse, match="another receiver writes to slot 0"):
        opened(directory)


def test_a_journal_copied_from_another_machine_is_refused(directory: Path) -> None:
    opened(directory).close()
    said = json.loads((directory / "id").read_text())
    (directory / "id").write_text(json.dumps(said | {"machine": "another"}))
    if not Path("/etc/machine-id").exists():
        pytest.skip("this machine has no id")
    with pytest.raises(JournalInUse, match="made on another machine"):
        opened(directory)


def test_a_journal_that_moved_with_its_database_goes_on(directory: Path) -> None:
    journal = opened(directory)
    end = journal.append(frame(journal, entry(1)))
    journal.close()
    said = json.loads((directory / "id").read_text())
    (directory / "id").write_text(json.dumps(said | {"machine": "another"}))
    moved = Journal(directory, 0, limit_bytes=10**9, segment_bytes=10**6, may_move=True)
    assert moved.identity.journal == journal.identity.journal
    assert json.loads((directory / "id").read_text()) == said
    journal_reader.check(directory, moved.identity, end)
    moved.close()


def test_a_full_journal_refuses_and_takes_again_when_room_was_made(directory: Path) -> None:
    journal = opened(directory, limit=4_000, segment=500)
    kept = _filled(journal)
    assert 4_000 * 0.8 < sum(path.stat().st_size for path in segments(directory).values()) <= 4_000
    assert len(read_all(directory, journal)) == kept
    segments(directory)[1].unlink()
    journal.append(frame(journal, entry(kept)))
    journal.close()


def test_a_journal_that_is_not_larger_than_a_segment_still_makes_room(directory: Path) -> None:
    journal = opened(directory, limit=4_000, segment=10**6)
    _filled(journal)
    gone = [number for number in segments(directory) if number < max(segments(directory))]
    assert gone
    for number in gone:
        segments(directory)[number].unlink()
    journal.append(frame(journal, entry(1)))
    journal.close()


def test_a_full_disk_gets_no_file_more_with_every_ping(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(directory)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", full)
        for _ in range(20):
            with pytest.raises(JournalBroken):
                journal.append(frame(journal, entry(1)))
    assert len(segments(directory)) <= 2
    journal.append(frame(journal, entry(2)))
    assert read_all(directory, journal) == [entry(2)]
    journal.close()


def test_what_is_no_segment_is_left_alone(journal: Journal, directory: Path) -> None:
    (directory / "copy.journal").write_text("x")
    journal.append(frame(journal, entry(1)))
    assert read_all(directory, journal) == [entry(1)]
    assert read_identity(directory / "copy.journal") is None


def _filled(journal: Journal) -> int:
    for kept in range(1_000):
        try:
            journal.append(frame(journal, entry(kept)))
        except JournalFull:
            return kept
    raise AssertionError("the journal has no bound")


def test_after_a_failed_sync_the_file_is_never_written_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(directory)
    journal.append(frame(journal, entry(1)))

    def fails(_handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalBroken, match="Input/output error"):
            journal.append(frame(journal, entry(2)))
        with pytest.raises(JournalBroken):
            journal.append(frame(journal, entry(3)))
    before = segments(directory)[1].stat().st_size
    end = journal.append(frame(journal, entry(4)))
    assert end.segment > 1
    assert segments(directory)[1].stat().st_size == before
    assert read_all(directory, journal)[-1] == entry(4)
    journal.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(ENTRIES, min_size=1, max_size=3), max_size=6), st.integers(1, 2_000))
def test_any_batches_in_any_segment_size_are_read_back(
    tmp_path: Path, batches: list[list[Entry]], segment: int
) -> None:
    directory = tmp_path / str(uuid4())
    journal = opened(directory, segment=segment)
    for batch in batches:
        journal.append(b"".join(frame(journal, item) for item in batch))
    expected = [item for batch in batches for item in batch]
    found, start = [], Place()
    while True:
        got = journal_reader.read(directory, journal.identity, start, until=None, most_entries=2)
        found += [item for item, _ in got.entries]
        for _, place in got.entries:
            journal_reader.check(directory, journal.identity, place)
        if got.end == start:
            break
        start = got.end
    assert found == expected
    journal.close()


def test_what_was_acknowledged_survives_a_kill(directory: Path) -> None:
    program = f"""
from pathlib import Path
from app.pings.journal import Journal
from app.pings.frames import encode
from tests.app.pings.test_journal import entry
j = Journal(Path({str(directory)!r}), 0, limit_bytes=10**9, segment_bytes=2_000)
n = 0
while True:
    j.append(encode(j.identity.journal, entry(n)))
    print(n, flush=True)
    n += 1
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    journal = opened(directory)
    found = read_all(directory, journal)
    assert found[: len(acknowledged)] == [entry(number) for number in acknowledged]
    assert len(found) - len(acknowledged) <= 1
    journal.close()
