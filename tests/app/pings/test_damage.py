"""Damage costs the pings it hit, is told once, and stops nothing (app/pings/damage.py)."""

import errno
import logging
import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pings import damage, journal_reader
from app.pings.damage import Damage
from app.pings.frames import HEADER_BYTES, Entry, Whole, decode, encode, last_whole
from app.pings.journal import Journal, JournalBroken, JournalError, Place, segment_path, segments
from app.pings.journal_reader import Batch
from tests.app.pings.test_frames import ENTRIES, T0, entry
from tests.app.pings.test_journal import directory, frame, journal, opened

__all__ = ["directory", "journal"]  # fixtures


def read(directory: Path, journal: Journal, until: Place | None = None) -> Batch:
    """Read all there is, in one batch."""
    return journal_reader.read(directory, journal.identity, Place(), until=until)


def entries(batch: Batch) -> list[Entry]:
    return [item for item, _ in batch.entries]


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_flipped_bit_costs_one_ping_and_is_told_once(
    directory: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    ends = [journal.append(frame(journal, entry(number))) for number in range(4)]
    begin, length = ends[1].offset, ends[2].offset - ends[1].offset
    byte = segments(directory)[1].read_bytes()[begin + 20]
    overwrite(segments(directory)[1], begin + 20, bytes([byte ^ 4]))
    bad = segments(directory)[1].read_bytes()[begin : begin + length]
    for _ in range(2):
        batch = read(directory, journal, until=ends[3])
        assert entries(batch) == [entry(0), entry(1), entry(3)]
        assert batch.damaged == [(1, begin, length)]
        assert batch.end == ends[3]
    (told,) = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert f"segment=1 offset={begin} bytes={length}" in told.message
    (copy,) = (directory / "damaged").iterdir()
    assert copy.read_bytes() == bad


@pytest.mark.parametrize("cut", [0, 5], ids=["at a frame's end", "inside a frame"])
def test_a_segment_that_ends_early_is_told_and_the_next_is_read(
    directory: Path, caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    journal = opened(directory, segment=400)
    ends = [journal.append(frame(journal, entry(number))) for number in range(20)]
    inside = [number for number, end in enumerate(ends) if end.segment == 2]
    kept, lost = inside[0], inside[1:]
    os.truncate(segments(directory)[2], ends[kept].offset + cut)
    batch = read(directory, journal, until=ends[-1])
    assert entries(batch) == [entry(number) for number in range(20) if number not in lost]
    missing = ends[lost[-1]].offset - ends[kept].offset
    assert batch.damaged == [(2, ends[kept].offset, missing)]
    assert batch.damaged_bytes == missing
    assert [one.levelno for one in caplog.records] == [logging.CRITICAL]
    journal.close()


def test_the_segment_that_is_written_may_end_early_too(directory: Path, journal: Journal) -> None:
    ends = [journal.append(frame(journal, entry(number))) for number in range(4)]
    os.truncate(segments(directory)[1], ends[0].offset)
    batch = read(directory, journal, until=ends[3])
    assert (entries(batch), batch.end) == ([entry(0)], ends[3])
    assert batch.damaged == [(1, ends[0].offset, ends[3].offset - ends[0].offset)]
    journal_reader.check(directory, journal.identity, batch.end)
    end = journal.append(frame(journal, entry(4)))
    batch = journal_reader.read(directory, journal.identity, batch.end, until=end)
    assert (entries(batch), batch.damaged, batch.end) == ([entry(4)], [], end)


def test_what_a_killed_receiver_had_allocated_is_no_damage(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed = opened(directory)
    killed.append(frame(killed, entry(1)))
    size = segments(directory)[1].stat().st_size
    assert size == 10**6
    # No receiver: the end of the newest is where zeros begin.
    batch = read(directory, killed)
    assert (entries(batch), batch.end) == ([entry(1)], killed.end)
    journal_reader.check(directory, killed.identity, killed.end)
    os.close(killed._lock)  # as the kernel does
    again = opened(directory)
    again.append(frame(again, entry(2)))
    batch = read(directory, again, until=again.end)
    assert (entries(batch), batch.damaged) == ([entry(1), entry(2)], [])
    assert again.end.segment == 2
    assert segments(directory)[1].stat().st_size == killed.end.offset
    assert caplog.records == []
    again.close()


def test_a_write_that_a_crash_cut_off_is_no_alarm(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed = opened(directory)
    killed.append(frame(killed, entry(1)))
    torn = frame(killed, entry(2))[:-7]
    overwrite(segments(directory)[1], killed.end.offset, torn)
    os.close(killed._lock)
    again = opened(directory)
    again.append(frame(again, entry(3)))
    batch = read(directory, again, until=again.end)
    assert (entries(batch), batch.damaged) == ([entry(1), entry(3)], [])
    assert [one.levelno for one in caplog.records] == [logging.WARNING]
    (copy,) = (directory / "damaged").iterdir()
    assert copy.read_bytes() == torn
    again.close()


def test_copies_of_damage_are_bounded(
    directory: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "MOST_KEPT_BYTES", 100)
    ends = [journal.append(frame(journal, entry(number))) for number in range(9)]
    for end in ends[:8:2]:
        overwrite(segments(directory)[1], end.offset + 1, b"!")
    batch = read(directory, journal, until=ends[-1])
    assert len(batch.damaged) == 4
    assert len(batch.entries) == 5
    assert sum(one.stat().st_size for one in (directory / "damaged").iterdir()) == 100


def test_damage_that_cannot_be_noted_is_not_passed_over(directory: Path, journal: Journal) -> None:
    bad = journal.end
    end = journal.append(frame(journal, entry(1)))
    overwrite(segments(directory)[1], bad.offset + 1, b"!")
    (directory / "damaged").write_text("in the way")
    with pytest.raises(JournalError, match="Is the disk full"):
        read(directory, journal, until=end)
    (directory / "damaged").unlink()
    assert len(read(directory, journal, until=end).damaged) == 1


def test_damage_longer_than_any_frame_is_one_piece(directory: Path) -> None:
    journal = opened(directory, segment=10**7)
    first = journal.append(frame(journal, entry(1)))
    bulk = [journal.append(frame(journal, entry(2, body=bytes(900_000)))) for _ in range(5)]
    last = journal.append(frame(journal, entry(3)))
    overwrite(segments(directory)[1], first.offset, b"\xf5" * 3_600_000)
    batch = read(directory, journal, until=last)
    assert entries(batch) == [entry(1), entry(2, body=bytes(900_000)), entry(3)]
    assert batch.damaged == [(1, first.offset, bulk[3].offset - first.offset)]
    journal.close()


def test_a_segment_is_allocated_ahead_and_trimmed_when_it_is_left(directory: Path) -> None:
    journal = opened(directory, segment=100_000)
    allocated = segment_path(directory, 1).stat().st_blocks * 512
    assert allocated >= 100_000
    assert journal.used_bytes == 100_000
    end = journal.append(frame(journal, entry(1)))
    assert segment_path(directory, 1).stat().st_size == 100_000
    journal.roll()
    assert segment_path(directory, 1).stat().st_size == end.offset
    assert journal.used_bytes == 100_000 + end.offset
    journal.close()
    assert segment_path(directory, 2).stat().st_size == HEADER_BYTES


@pytest.mark.parametrize("refusal", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSPC])
def test_a_file_system_that_allocates_nothing_ahead_keeps_pings_too(
    directory: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    journal = opened(directory, segment=500)
    expected = [entry(number) for number in range(20)]
    for item in expected:
        journal.append(frame(journal, item))
    assert entries(read(directory, journal, until=journal.end)) == expected
    sizes = [path.stat().st_size for path in segments(directory).values()]
    assert journal.used_bytes == sum(sizes) < 20 * 500
    journal.close()


def test_a_disk_that_refuses_every_sync_is_not_filled_with_allocations(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(directory)
    sync, calls = os.fdatasync, 0

    def refuse_each_second(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(handle)

    monkeypatch.setattr(os, "fdatasync", refuse_each_second)
    for _ in range(10):
        with pytest.raises(JournalBroken):
            journal.append(frame(journal, entry(1)))
    assert sum(path.stat().st_size for path in segments(directory).values()) < 20_000
    journal.close()


@given(st.lists(ENTRIES, max_size=6), st.binary(max_size=40), st.uuids())
def test_the_last_whole_frame_is_found_from_behind(
    items: list[Entry], torn: bytes, journal: UUID
) -> None:
    data = b"".join(encode(journal, item) for item in items) + torn
    ends = [found.end for found in decode(journal, data) if isinstance(found, Whole)]
    assert last_whole(journal, data, begins_before=len(data)) == (ends[-1] if ends else None)


def filled(journal: Journal, data: st.DataObject) -> list[Damage]:
    """Append pings; return where each one lies."""
    places = []
    for number in range(data.draw(st.integers(1, 25))):
        item = frame(journal, entry(number, body=b"x" * data.draw(st.integers(0, 200))))
        end = journal.append(item)
        places.append(Damage(end.segment, end.offset - len(item), len(item)))
    return places


def hit(directory: Path, places: list[Damage], data: st.DataObject) -> Damage:
    """Overwrite some bytes of a segment, or cut it off; return which bytes that were."""
    number = data.draw(st.sampled_from(sorted({place.segment for place in places})))
    path = segment_path(directory, number)
    most = max(place.offset + place.length for place in places if place.segment == number)
    begin = data.draw(st.integers(HEADER_BYTES, most - 1))
    if data.draw(st.booleans()):
        os.truncate(path, begin)
        return Damage(number, begin, most - begin)
    end = data.draw(st.integers(begin + 1, most))
    was = path.read_bytes()[begin:end].ljust(end - begin, b"\0")
    overwrite(path, begin, bytes(byte ^ 0xFF for byte in was))
    return Damage(number, begin, end - begin)


def touch(one: Damage, other: Damage) -> bool:
    return one.segment == other.segment and (
        one.offset < other.offset + other.length and other.offset < one.offset + one.length
    )


def covers(one: Damage, other: Damage) -> bool:
    ends = one.offset + one.length, other.offset + other.length
    return one.segment == other.segment and one.offset <= other.offset and ends[1] <= ends[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_costs_only_the_pings_it_hit(tmp_path: Path, data: st.DataObject) -> None:
    """What was not touched is read, in order; each ping that is lost lies in reported damage."""
    directory = tmp_path / str(uuid4())
    journal = opened(directory, segment=data.draw(st.integers(200, 1_500)))
    places = filled(journal, data)
    hits = [hit(directory, places, data) for _ in range(data.draw(st.integers(0, 4)))]
    batch = read(directory, journal, until=journal.end)
    found = [(one.event.received_at - T0).seconds for one in entries(batch)]
    assert found == sorted(set(found))
    for number, place in enumerate(places):
        if not any(touch(place, one) for one in hits):
            assert number in found
        if number not in found:
            assert [one for one in batch.damaged if covers(one, place)]
    assert batch.end == journal.end
    journal.close()
