"""What every way of taking a backup has in common: facts, a stream, and its content."""

import fcntl
import os
import select
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from backups.encrypt import Readable
from backups.errors import SourceError
from backups.manifest import Database, Versions, WalRange

STALL_SECONDS = 900  # a program that says nothing for so long hangs
_PIPE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known before a byte is read."""

    engine: str
    versions: Versions
    database: Database
    taken_from: str
    has_standby: bool = False  # of which the backup should be taken instead


@dataclass(frozen=True, slots=True)
class Content:
    """What is known when the last byte was read."""

    counts: Mapping[str, int] = field(default_factory=dict)
    newest_ping_at: datetime | None = None
    wal: WalRange | None = None


class Taking(Protocol):
    """A backup while it is taken."""

    @property
    def facts(self) -> Facts:
        """Return what is known before a byte is read."""

    @property
    def is_compressed(self) -> bool:
        """Return whether gpg need not compress."""

    def stream(self) -> Readable:
        """Return its bytes; called once."""

    def finish(self) -> Content:
        """Return its content after the last byte; SourceError when it is not whole."""


class Output:
    """What a program writes to stdout. `finish` says whether all of it was."""

    def __init__(self, command: Sequence[str]) -> None:
        self._name = command[0]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
            )
        except OSError as error:
            raise SourceError(f"{self._name} cannot be started: {error.strerror}.") from None
        assert self._process.stdout is not None
        self._descriptor = self._process.stdout.fileno()
        with suppress(OSError):  # a machine may allow fewer
            fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def read(self, size: int, /) -> bytes:
        """Return what is there, at most so much; SourceError when nothing comes for long."""
        ready, _, _ = select.select([self._descriptor], [], [], STALL_SECONDS)
        if not ready:
            raise SourceError(f"{self._name} said nothing for {STALL_SECONDS} s.")
        return os.read(self._descriptor, size)

    def finish(self) -> None:
        """Wait for its end; SourceError unless it was a good one."""
        try:
            status = self._process.wait(STALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise SourceError(f"{self._name} does not end.") from None
        if status:
            words = " ".join(self.words()[-2000:].splitlines()[-3:]) or "it gave no reason"
            raise SourceError(f"{self._name} ended with {status}: {words}")

    def words(self) -> str:
        """Return what it said on stderr."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()

    @staticmethod
    def version(command: Sequence[str]) -> str:
        """Return what a program says of its version: the first line."""
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise SourceError(f"{command[0]} cannot be asked for its version: {error}.") from None
        return answer.stdout.partition("\n")[0]

    def close(self) -> None:
        """End it, if it is still there."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._said.close()
