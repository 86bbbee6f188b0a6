"""Give a recovering server its WAL, file by file, as it asks for it.

    restore_command, a line of shell --> request --> this thread --> a file, an answer --> mv

The shell asks through one FIFO and hears through another; who fetches is this process. So no
address and no session key is in a file or an argument list, the server may run as another
user, the next file is on its way while one is replayed, and two lie on the disk at most.
"""

import os
import shlex
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from backups.errors import BackupError

Fetch = Callable[[str, Path], None]  # a name, and the file that is to have its content


class WalFeed(threading.Thread):
    """Answers a server's restore_command, from `names`, in the order in which it will ask.

    `folder` is there and the server's. `error` says why a file could not be brought: the
    server then gives up, since the end of what can be fetched is not the end of WAL.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        fetch: Fetch,
        own: Callable[[Path], None],
        told: Callable[[str], None],
    ) -> None:
        super().__init__(name="wal", daemon=True)
        self.folder, self.names, self.fetch, self.own, self.told = folder, names, fetch, own, told
        self.places = {name: place for place, name in enumerate(names)}
        self.error: Exception | None = None
        self._ahead: tuple[str, Future[None]] | None = None
        for fifo in (self._request, self._answer):
            os.mkfifo(fifo, 0o600)
            own(fifo)

    @property
    def restore_command(self) -> str:
        """Return the setting of PostgreSQL that asks here.

        Exit 1 says that there is no such file; anything above 125 ends the server.
        """
        here = shlex.quote(str(self.folder).replace("%", "%%"))
        return (
            f"echo %f >{here}/request && read -r said <{here}/answer && case $said in "
            f'there) mv {here}/%f "%p" ;; none) exit 1 ;; *) exit 255 ;; esac'
        )

    def run(self) -> None:
        """Answer until `stop`."""
        # Opened for both, so that neither waits for a shell that was killed.
        with (
            self._request.open("r+b", buffering=0) as request,
            self._answer.open("r+b", buffering=0) as answer,
            ThreadPoolExecutor(1, "wal") as pool,
        ):
            while name := request.readline().decode().strip():
                answer.write(self._bring(name, pool).encode() + b"\n")

    def stop(self) -> None:
        """End, whatever is under way."""
        with self._request.open("r+b", buffering=0) as request:
            request.write(b"\n")
        self.join()

    def _bring(self, name: str, pool: ThreadPoolExecutor) -> str:
        place = self.places.get(name)
        if place is None:
            return "none"
        try:
            self._fetched(name, pool).result()
        except (BackupError, OSError) as error:
            self.error = error
            return "failed"
        self.told(name)
        if place + 1 < len(self.names):
            self._ahead = (self.names[place + 1], self._begun(self.names[place + 1], pool))
        return "there"

    def _fetched(self, name: str, pool: ThreadPoolExecutor) -> Future[None]:
        """Return the fetching of a file: the one that was begun ahead, or a new one."""
        if self._ahead is None:
            return self._begun(name, pool)
        (begun, future), self._ahead = self._ahead, None
        if begun == name:
            return future
        # PostgreSQL went another way, to a newer timeline: nobody wants that file now.
        future.exception()
        (self.folder / begun).unlink(missing_ok=True)
        return self._begun(name, pool)

    def _begun(self, name: str, pool: ThreadPoolExecutor) -> Future[None]:
        return pool.submit(self._whole, name)

    def _whole(self, name: str) -> None:
        path = self.folder / name
        self.fetch(name, path)
        self.own(path)

    @property
    def _request(self) -> Path:
        return self.folder / "request"

    @property
    def _answer(self) -> Path:
        return self.folder / "answer"
