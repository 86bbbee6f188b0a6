"""The receiver's link to the drain comes back, whatever was said on it (drain_client.py)."""

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from app.pings import wire
from app.pings.directory import Directory
from app.pings.drain_client import DrainClient
from app.pings.intake import Intake
from app.pings.journal import Journal
from app.pings.receiver_figures import DrainSaid

# A verdict without a place, a directory that is none, a kind that nobody knows.
NONSENSE = (
    (wire.Say.VERDICTS, (1,)),
    (wire.Say.DIRECTORY, b"\x92\x01"),
    (wire.Say.FIGURES, (7,)),
    (99,),
)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda said: int(said[0]))
def test_nonsense_of_the_drain_costs_a_link_and_not_the_receiver(
    tmp_path: Path, nonsense: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "0", 0, limit_bytes=10**6, segment_bytes=10**5)
    where, links = tmp_path / "drain.sock", list[asyncio.StreamWriter]()

    async def scenario() -> None:
        both = asyncio.Event()

        async def linked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            links.append(writer)
            await reader.readexactly(4)  # it says who it is
            if len(links) == 1:
                writer.write(wire.pack(*nonsense))
            else:
                both.set()

        intake = Intake(journal, Directory())
        client = DrainClient(intake, journal.identity, where, tmp_path / "snapshot", DrainSaid())
        server = await asyncio.start_unix_server(linked, str(where))
        task = asyncio.create_task(client.run())
        waiting = asyncio.create_task(both.wait())
        await asyncio.wait([task, waiting], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        is_linked_again, is_running = both.is_set(), not task.done()
        for one in (task, waiting):
            one.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
        for link in links:
            link.close()
            with contextlib.suppress(ConnectionError):
                await link.wait_closed()
        server.close()
        await server.wait_closed()
        await intake.close()
        assert is_running
        assert is_linked_again

    asyncio.run(scenario())
    assert {line.levelno for line in caplog.records} <= {logging.INFO, logging.ERROR}
