"""The receiver's end of the local socket to the drain: says how far, hears verdicts."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from app.pings import wire
from app.pings.directory import Changes, save
from app.pings.intake import Intake
from app.pings.journal import Identity, Place
from app.pings.receiver_figures import DrainSaid

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.2
# More than this is waiting for a drain that is busy: it will be told at the next tick.
_HIGH_WATER = 64 * 1024


class DrainClient:
    """Keeps a connection to the drain, and an intake's directory and verdicts current."""

    def __init__(
        self,
        intake: Intake,
        identity: Identity,
        socket_path: Path,
        snapshot: Path,
        said: DrainSaid,
    ) -> None:
        self._intake, self._identity, self._said = intake, identity, said
        self._socket_path, self._snapshot = socket_path, snapshot
        self._writer: asyncio.StreamWriter | None = None
        intake.on_end = self._say_end

    async def run(self) -> None:
        """Connect, listen, connect again, for ever."""
        while True:
            try:
                with contextlib.suppress(OSError, ValueError):
                    await self._connect()
            except Exception:
                # Without this task the receiver would never hear of new checks again.
                log.exception("link to the drain broke, connecting again")
            await asyncio.sleep(RECONNECT_SECONDS)

    def tick(self) -> None:
        """Tell the drain how far the journal is."""
        if self._writer is not None:
            self._intake.tick()

    async def _connect(self) -> None:
        reader, self._writer = await asyncio.open_unix_connection(str(self._socket_path))
        try:
            await self._listen(reader)
        finally:
            self._said.gone()
            self._writer.close()
            self._writer = None

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        assert self._writer is not None
        who = self._identity
        number = self._intake.directory.number
        self._said.linked()
        self._writer.write(wire.pack(wire.Say.HELLO, who.journal.bytes, who.slot, number))
        self._intake.tick()
        unpacker = wire.Unpacker()
        while data := await reader.read(2**20):
            for message in unpacker.feed(data):
                self._heard(*message)

    def _heard(self, kind: int, *said: object) -> None:
        match kind, said:
            case wire.Say.DRAINED, (int(segment), int(offset)):
                self._intake.undrained.drained(Place(segment, offset))
            case wire.Say.VERDICTS, (tuple(verdicts),):
                for segment, offset, verdict in verdicts:
                    self._intake.verdict(Place(segment, offset), wire.Verdict(verdict))
            case wire.Say.DIRECTORY, (bytes(packed),):
                self._intake.directory.apply(Changes.unpacked(packed))
                # Rarely, and a few milliseconds for 10,000 checks: not worth a thread.
                save(self._snapshot, self._intake.directory)
            case wire.Say.FIGURES, (tuple(figures),):
                self._said.hear(figures, time.monotonic())
            case wire.Say.TICK, ():
                self._intake.tick()
            case _:
                raise ValueError(f"the drain said {kind}")

    def _say_end(self, place: Place, received_before_us: int) -> None:
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            return
        if writer.transport.get_write_buffer_size() > _HIGH_WATER:
            return
        writer.write(wire.pack(wire.Say.END, place.segment, place.offset, received_before_us))
