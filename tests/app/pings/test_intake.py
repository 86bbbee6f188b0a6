"""What an intake keeps in memory (app/pings/intake.py)."""

from pathlib import Path

from app.pings.directory import Directory
from app.pings.intake import Intake
from app.pings.journal import Journal, Place


def test_an_outage_costs_no_memory_for_every_commit(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, limit_bytes=10**9, segment_bytes=10**7)
    intake = Intake(journal, Directory())
    for number in range(50_000):
        intake._note_undrained(Place(1, number), 2)
    assert len(intake._undrained) < 100
    assert intake.queued() == 100_000
    intake.drained(Place(1, 49_998))
    assert intake.queued() > 0
    intake.drained(Place(1, 49_999))
    assert (intake.queued(), intake.dwell_seconds()) == (0, 0.0)
    journal.close()
