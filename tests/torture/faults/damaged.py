"""Journal files are damaged while the drain is away: one is cut, in others a bit flips."""

from contextlib import AbstractContextManager

from tests.torture.case import Case, Setting
from tests.torture.damage import flip, frames, newest, truncate
from tests.torture.stage import DRAIN, Stage, receiver
from tests.torture.stages import on_one_database

# Of a frame: its magic, its length, its checksum, its payload.
_BYTES = (0, 4, 8, 40)


def _stage(setting: Setting) -> AbstractContextManager[Stage]:
    return on_one_database(setting, settings={"SEGMENT_BYTES": "16384"})


def truncate_segments(stage: Stage) -> None:
    """Cut a segment that others follow, and the newest one of a receiver that is away."""
    marks = _pile_up(stage)
    journal, segment = stage.journal(0), marks[0] + 1
    known = frames(journal, segment)
    stage.destroyed |= truncate(journal, segment, known, len(known) * 2 // 3)
    stage.damages += 1
    stage.kill(receiver(1))
    journal = stage.journal(1)
    segment = newest(journal)
    known = frames(journal, segment)
    stage.destroyed |= truncate(journal, segment, known, len(known) // 2)
    stage.damages += 1
    stage.start(receiver(1))
    stage.wait_for_receiver(1)
    stage.start(DRAIN)


def flip_bits(stage: Stage) -> None:
    """Flip one bit in each of several frames, of older segments and of those being written."""
    marks = _pile_up(stage)
    for slot in range(stage.receivers):
        journal = stage.journal(slot)
        for segment in (marks[slot] + 1, newest(journal)):
            known = frames(journal, segment)
            for place, byte in enumerate(_BYTES):
                # Two apart: their neighbours on both sides are whole.
                if 2 * place + 1 < len(known):
                    stage.destroyed |= flip(journal, segment, known[2 * place + 1], byte)
                    stage.damages += 1
    stage.start(DRAIN)


def _pile_up(stage: Stage) -> list[int]:
    """Kill the drain, and let each receiver begin two more segments; return those of then."""
    stage.kill(DRAIN)
    marks = [newest(stage.journal(slot)) for slot in range(stage.receivers)]
    while any(newest(stage.journal(slot)) < mark + 2 for slot, mark in enumerate(marks)):
        stage.more(50)
    return marks


CASES = (
    Case("journal-truncated", _stage, truncate_segments),
    Case("bit-flip", _stage, flip_bits, is_quick=True),
)
