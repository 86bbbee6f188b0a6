"""The journal of one receiver: append-only segments, written before "OK" is said.

JOURNAL_DIR/<slot>/id          which journal this is, made once (JSON)
JOURNAL_DIR/<slot>/lock        held by the receiver that writes
JOURNAL_DIR/<slot>/<n>.journal segments; a number is never used again

JournalError
├── JournalInUse    another receiver writes to this slot, or the directory was copied
├── JournalFull     the journal has reached its bound in bytes
└── JournalBroken   the disk refused; nothing of the batch may be acknowledged
"""

import contextlib
import fcntl
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from app.pings.frames import HEADER_BYTES, segment_header
from app.pings.segment import Segment, end_of_left, sync_directory, write_whole

SUFFIX = ".journal"


class JournalError(Exception):
    """The journal cannot take pings."""


class JournalInUse(JournalError):
    """Somebody else writes here."""


class JournalFull(JournalError):
    """No room is left within the bound."""


class JournalBroken(JournalError):
    """The disk refused a write or a sync."""


class Place(NamedTuple):
    """A place in a journal: segment number, offset in bytes. (0, 0) is before everything."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """Which journal a directory holds."""

    journal: UUID
    slot: int
    machine: str


def segments(directory: Path) -> dict[int, Path]:
    """Return the segments of a journal by their number, in order."""
    paths = directory.glob(f"*{SUFFIX}")
    found = {int(path.stem): path for path in paths if re.fullmatch("[0-9]+", path.stem)}
    return dict(sorted(found.items()))


def segment_path(directory: Path, segment: int) -> Path:
    """Return where a segment lies."""
    return directory / f"{segment:016d}{SUFFIX}"


def read_identity(directory: Path) -> Identity | None:
    """Return which journal lies in a directory, None when none does."""
    try:
        said = json.loads((directory / "id").read_text("utf-8"))
        return Identity(UUID(said["journal"]), int(said["slot"]), str(said["machine"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{directory / 'id'} cannot be read ({error}). Restore it, or move the directory"
        raise JournalError(f"{message} away to begin a new journal.") from error


def machine_id() -> str:
    """Return what tells this machine from a copy of it; empty when it does not say."""
    try:
        return Path("/etc/machine-id").read_text("ascii").strip()
    except OSError:
        return ""


class Journal:
    """The writing end. One process, one thread at a time; `append` blocks on the disk.

    A journal that was made on another machine is refused, because a copy of it
    may be in use there, unless it `may_move`: together with its database.
    """

    def __init__(
        self,
        directory: Path,
        slot: int,
        *,
        limit_bytes: int,
        segment_bytes: int,
        may_move: bool = False,
    ) -> None:
        self._directory, self._slot = directory, slot
        # The segment that is written stays: it has to leave room for others.
        self.limit_bytes, self._segment_bytes = limit_bytes, min(segment_bytes, limit_bytes // 4)
        self._may_move = may_move
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = self._locked()
        self.identity = self._identity()
        self._segment: Segment | None = None
        left = segments(directory)
        self._end = Place(max(left, default=0), 0)
        if left:
            with contextlib.suppress(OSError):  # then the next one does not say where it ended
                ended = end_of_left(left[self._end.segment], self.identity.journal)
                self._end = Place(self._end.segment, ended)
        self._older_bytes = 0
        self._begun = 0  # a segment whose header could not be written
        self.roll()

    @property
    def directory(self) -> Path:
        """Return the folder of this slot."""
        return self._directory

    @property
    def end(self) -> Place:
        """Return the place behind the last byte that is on disk."""
        return self._end

    @property
    def used_bytes(self) -> int:
        """Return the size of all segments, as of the last `measure` and what was added."""
        allocated = self._segment.allocated_bytes if self._segment else 0
        return self._older_bytes + max(allocated, self._end.offset)

    def measure(self) -> None:
        """Look how much the older segments take: the drain deletes them."""
        known = segments(self._directory).items()
        older = [path for number, path in known if number != self._end.segment]
        self._older_bytes = sum(_size(path) for path in older)

    def append(self, frames: bytes) -> Place:
        """Write frames and sync them; return the place behind them.

        JournalFull before anything is written; JournalBroken when the disk
        refused: then the segment is left as it is and never written again.
        """
        if not self._has_room(len(frames)):
            self.measure()
            if not self._has_room(len(frames)):
                written = self._older_bytes + self._end.offset
                raise JournalFull(f"journal has {written} of {self.limit_bytes} bytes")
        if self._segment is None or self._is_full(len(frames)):
            self.roll()
        assert self._segment is not None
        try:
            self._segment.append(frames)
        except OSError as error:
            # After a failed sync the kernel may have dropped the pages and call
            # the next sync a success: this file cannot be trusted any more.
            self._leave()
            raise JournalBroken(f"journal write failed: {error}") from error
        self._end = Place(self._end.segment, self._segment.offset)
        return self._end

    def roll(self) -> None:
        """Go on in a new segment, whose name is on disk before anything is in it."""
        self._leave()
        known = segments(self._directory)
        number = self._begun or max(self._end.segment, max(known, default=0)) + 1
        path = segment_path(self._directory, number)
        ended = self._end.offset if number == self._end.segment + 1 else 0
        header = segment_header(self.identity.journal, self._slot, number, ended)
        others = sum(_size(path) for other, path in known.items() if other != number)
        room_bytes = max(min(self._segment_bytes, self.limit_bytes - others), HEADER_BYTES)
        try:
            # One that could not be begun has nothing in it: it is tried again, or a
            # full disk would get a file more with every ping.
            is_new, self._begun = not self._begun, number
            self._segment = Segment(path, header, room_bytes=room_bytes, is_new=is_new)
            sync_directory(self._directory)
        except FileExistsError as error:
            self._begun = 0  # not ours to try again
            raise JournalBroken(f"journal cannot begin {path.name}: {error}") from error
        except OSError as error:
            self._leave()
            raise JournalBroken(f"journal cannot begin {path.name}: {error}") from error
        self._end, self._begun = Place(number, self._segment.offset), 0
        self.measure()

    def close(self) -> None:
        """Stop writing and let go of the slot."""
        self._leave()
        os.close(self._lock)

    def _has_room(self, size: int) -> bool:
        # Full is full for every ping: a small one does not slip in behind a refused one.
        reserve = max(size, min(self.limit_bytes // 10, 2**20)) + HEADER_BYTES
        return self._older_bytes + self._end.offset + reserve <= self.limit_bytes

    def _is_full(self, size: int) -> bool:
        """Return True when frames go into the next segment: one is larger only for a batch."""
        offset = self._end.offset
        return offset >= self._segment_bytes or HEADER_BYTES < offset > self._segment_bytes - size

    def _leave(self) -> None:
        if self._segment is not None:
            self._segment.leave()
            self._segment = None

    def _locked(self) -> int:
        handle = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            message = f"another receiver writes to slot {self._slot} in {self._directory}"
            raise JournalInUse(f"{message}. Give each receiver a slot of its own.") from None
        return handle

    def _identity(self) -> Identity:
        known = read_identity(self._directory)
        if known is None:
            return self._identified(uuid4())
        if known.machine == machine_id() or not known.machine or not machine_id():
            return known
        if self._may_move:
            return self._identified(known.journal)
        os.close(self._lock)
        raise JournalInUse(
            f"the journal in {self._directory} was made on another machine. If it is a copy, "
            "delete it; if it was moved, let `manage.py drain` empty it, then move it away."
        )

    def _identified(self, journal: UUID) -> Identity:
        """Write down that this journal belongs here."""
        identity = Identity(journal, self._slot, machine_id())
        said = {
            "journal": str(identity.journal),
            "slot": identity.slot,
            "machine": identity.machine,
        }
        write_whole(self._directory / "id", json.dumps(said).encode())
        return identity


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
