"""One segment of a journal, as its receiver writes it: allocated ahead, written in place, trimmed.

A sync of a file that grows has to commit the file's new size too; one of bytes within
what is allocated does not. What is allocated and not written reads as zeros.
"""

import contextlib
import os
from pathlib import Path
from uuid import UUID

from app.pings.frames import HEADER_BYTES, MOST_FRAME_BYTES, last_whole

_BLOCK_BYTES = 2 * MOST_FRAME_BYTES


class Segment:
    """A segment that is open for writing; `append` blocks on the disk. OSError from all verbs."""

    def __init__(self, path: Path, header: bytes, *, room_bytes: int, is_new: bool) -> None:
        """Begin it on disk; its name is the caller's to sync."""
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        self._handle = os.open(path, flags | (os.O_EXCL if is_new else os.O_TRUNC), 0o600)
        try:
            self.allocated_bytes = _allocate(self._handle, room_bytes)
            write_at(self._handle, header, 0)
            os.fdatasync(self._handle)
        except OSError:
            os.close(self._handle)
            raise
        self.offset = self._tried = len(header)

    def append(self, frames: bytes) -> None:
        """Write frames and sync them. After an error this file must not be written again."""
        self._tried = self.offset + len(frames)
        write_at(self._handle, frames, self.offset)
        os.fdatasync(self._handle)
        self.offset = self._tried
        self.allocated_bytes = max(self.allocated_bytes, self.offset)

    def leave(self) -> None:
        """Give back what was allocated and not written, and close."""
        # Not synced: until the disk knows it, the rest reads as zeros.
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, self._tried)
        os.close(self._handle)


def written_bytes(path: Path) -> int:
    """Return the size of a segment without what is allocated and not written."""
    with path.open("rb") as file:
        return _written(file.fileno(), os.fstat(file.fileno()).st_size)


def end_of_left(path: Path, journal: UUID) -> int:
    """Return where the last whole frame of a segment ends that its writer did not leave in order.

    What is allocated behind it is given back, and what is there is on disk: the next
    segment says where this one ended. 0 when there is not even a header.
    """
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        written = _written(handle, size)
        end = _last_end(handle, written, journal)
        # A frame may end in a zero, what is torn too: that much is kept for a person.
        if max(end, written) < size:
            os.ftruncate(handle, max(end, written))
        os.fdatasync(handle)
        return end
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file: readers see the old one or the new one, also after a power cut."""
    beside = path.with_name(f"{path.name}.new")
    handle = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_at(handle, data, 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    beside.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_at(handle: int, data: bytes, offset: int) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def _allocate(handle: int, size: int) -> int:
    """Allocate up to `size` bytes; return how many, 0 when the file system does not."""
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError:
        # Not known here, or no room for all of it: then the file grows as it is written.
        os.ftruncate(handle, 0)
        return 0
    return size


def _written(handle: int, size: int) -> int:
    """Return the offset behind the last byte that is not zero."""
    while size > 0:
        begin = max(size - _BLOCK_BYTES, 0)
        block = os.pread(handle, size - begin, begin).rstrip(b"\0")
        if block:
            return begin + len(block)
        size = begin
    return 0


def _last_end(handle: int, written: int, journal: UUID) -> int:
    """Return where the last whole frame ends; behind the header when there is none."""
    end = written
    while end > HEADER_BYTES:
        begin = max(end - _BLOCK_BYTES, HEADER_BYTES)
        # What begins before `end` may end behind it, in zeros at most.
        data = os.pread(handle, end - begin + MOST_FRAME_BYTES, begin)
        found = last_whole(journal, data, begins_before=end - begin)
        if found is not None:
            return begin + found
        end = begin
    return HEADER_BYTES if written >= HEADER_BYTES else 0
