"""Bytes of a journal that are no whole frame: this is where they are told, counted and kept.

JOURNAL_DIR/<slot>/damaged/<segment>-<begin>-<end>    a copy of them, for a person
JOURNAL_DIR/<slot>/damaged/<segment>-<begin>-<end>.torn    the same of a torn end

Damage is acknowledged pings that are lost. A torn end is the rest of a write that a crash
cut off: its pings were never acknowledged, and nothing is lost with it.
"""

import logging
import os
from pathlib import Path
from typing import NamedTuple

from app.pings.journal import JournalError

log = logging.getLogger(__name__)

MOST_KEPT_BYTES = 64 * 2**20  # of a journal, over all copies: what is beyond is not kept
MOST_KEPT = 1_000  # copies with bytes; further ones are empty, their names are notes
_BLOCK_BYTES = 2**20
TORN = ".torn"


class Damage(NamedTuple):
    """Where acknowledged bytes are no whole frame. `offset` in the segment, `length` in bytes."""

    segment: int
    offset: int
    length: int


def report(directory: Path, path: Path, damage: Damage) -> None:
    """Alarm once and keep a copy. `path` may end before the damage does: bytes are missing."""
    aside = _aside(directory, damage)
    if not aside.exists():
        kept = _keep(aside, path, damage)
        log.critical(
            "journal damage passed over segment=%d offset=%d bytes=%d kept=%d see=%s",
            *damage, kept, "docs/runbooks/journal.md",
        )  # fmt: skip


def report_torn(directory: Path, path: Path, torn: Damage) -> None:
    """Say once that a write was cut off by a crash, and keep a copy."""
    aside = _aside(directory, torn).with_suffix(TORN)
    if not aside.exists():
        kept = _keep(aside, path, torn)
        log.warning("journal end was torn segment=%d offset=%d bytes=%d kept=%d", *torn, kept)


def ends_at(directory: Path, segment: int, offset: int) -> bool:
    """Return True when damage that was reported ends there."""
    ending = f"{segment:016d}-*-{offset}"
    folder = directory / "damaged"
    return any(folder.glob(ending)) or any(folder.glob(ending + TORN))


def _aside(directory: Path, damage: Damage) -> Path:
    segment, offset, length = damage
    return directory / "damaged" / f"{segment:016d}-{offset}-{offset + length}"


def _keep(aside: Path, path: Path, damage: Damage) -> int:
    """Copy the bytes, as far as they are there and fit; return how many.

    JournalError when not even the file can be made: its name says what was told already.
    """
    try:
        aside.parent.mkdir(exist_ok=True)
        aside.touch(0o600)
    except OSError as error:
        raise JournalError(f"{aside} cannot be made ({error}). Is the disk full?") from error
    kept = [one.stat().st_size for one in aside.parent.iterdir()]
    room = min(MOST_KEPT_BYTES - sum(kept), damage.length)
    if len(kept) > MOST_KEPT:
        log.error("journal damage is not kept, there are %d copies in %s", len(kept), aside.parent)
        return 0
    done = 0
    with path.open("rb") as source, aside.open("r+b", buffering=0) as copy:
        source.seek(damage.offset)
        try:
            while done < room and (block := source.read(min(_BLOCK_BYTES, room - done))):
                done += copy.write(block)
            os.fsync(copy.fileno())
        except OSError as error:
            # The disk is full: the segment itself is there for as long as it is kept.
            log.error("journal damage is not kept whole in %s reason=%s", aside, error)
    return done
