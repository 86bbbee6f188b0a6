"""Two real servers that archive as a fleet's do: each into a spool of its own, by archive-wal.

with archiving_pair() as archiving:
    archiving.switch()          finish the segment, and wait until it is in the spools
    archiving.spools            the primary's and the standby's
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.clusters import PATIENCE_SECONDS, Node, Pair, running_pair
from tests.postgresql import owner

PROGRAM = Path(__file__).parents[2] / "provisioning" / "templates" / "archive-wal"
MOST_BYTES = 2**30


@dataclass(slots=True)
class Archiving:
    """A pair of servers, and where each leaves its WAL."""

    pair: Pair

    def spool(self, node: Node) -> Path:
        return node.directory / "spool"

    @property
    def spools(self) -> tuple[Path, Path]:
        return self.spool(self.pair.primary), self.spool(self.pair.standby)

    def switch(self, node: Node | None = None) -> str:
        """Finish the writable node's segment; return its name when it is in that node's spool."""
        node = node or self.pair.primary
        # What writes nothing has nothing to finish.
        ((name,),) = node.ask(
            "SELECT pg_walfile_name(lsn) FROM pg_logical_emit_message(false, 'test', 'x') AS lsn"
        )
        node.ask("SELECT pg_switch_wal()")
        self._wait_for(node, name)
        return str(name)

    def now(self, node: Node | None = None) -> datetime:
        """Return the server's time, so that what was committed is before and what comes after."""
        time.sleep(0.01)
        ((now,),) = (node or self.pair.primary).ask("SELECT clock_timestamp()")
        time.sleep(0.01)
        assert isinstance(now, datetime)
        return now

    def finished(self, node: Node) -> dict[str, Path]:
        """Return what is in a node's spool, by name."""
        return {path.name: path for path in sorted(self.spool(node).glob("*/0*"))}

    def _wait_for(self, node: Node, name: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while name not in self.finished(node):
            if time.monotonic() > deadline:
                log = (node.directory / "log").read_text()[-2000:]
                raise AssertionError(f"{name} was not archived:\n{log}")
            time.sleep(0.05)


@contextlib.contextmanager
def archiving_pair() -> Iterator[Archiving]:
    """Run a primary and its standby with archive_mode=always."""
    with tempfile.TemporaryDirectory(prefix="stillhere-archive-") as place:
        program = Path(place) / "archive-wal"
        shutil.copy(PROGRAM, program)
        for path in (program, program.parent):
            shutil.chown(path, *owner())
        # PostgreSQL runs it in the data directory: each server has a spool beside its own.
        command = f"mkdir -p ../spool && sh {program} ../spool {MOST_BYTES} %p %f"
        wanted = ("full_page_writes=on", "archive_mode=always", f"archive_command={command}")
        with running_pair(*wanted) as pair:
            yield Archiving(pair)
