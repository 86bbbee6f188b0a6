"""When the receiver's queue is full or empty (app/pings/intake.py)."""

from pathlib import Path

import pytest
import uvloop

from app.pings import intake
from tests.app.pings.test_connection import ping, running
from tests.app.pings.test_recurring import answers, heads


def test_a_ping_like_one_before_is_told_that_the_queue_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            request = ping("Connection: close")
            for _ in range(2):
                assert (await run.exchange(request)).endswith(b"OK")
            assert heads(run) == 1
            monkeypatch.setattr(intake, "MOST_QUEUED_BYTES", 0)
            assert (await run.exchange(request)).startswith(b"HTTP/1.1 503 ")
            assert run.intake.tally.refused[503] == 1
            monkeypatch.undo()
            assert (await run.exchange(request)).endswith(b"OK")

    uvloop.run(scenario())


def test_a_try_of_the_disk_is_no_ping_that_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as run:
            await answers(run, ping())
            run.intake.undrained.drained(run.intake._journal.end)
            run.intake.accepted_last = False
            assert await run.intake.is_accepting()
            assert len(run.intake.undrained) == 0

    uvloop.run(scenario())
