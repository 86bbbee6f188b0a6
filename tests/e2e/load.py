"""A light load of pings, and the ledger of what was acknowledged."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.error import URLError

from tests.e2e.world import Job

PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Ledger:
    """Each ping has its own number as its body."""

    acknowledged: list[str] = field(default_factory=list)
    failed_at: list[float] = field(default_factory=list)

    def differences(self, rows: list[tuple[int, str]]) -> dict[str, list[str]]:
        """Compare with the log: nothing lost, nothing doubled, numbered without a gap."""
        bodies = Counter(body for _, body in rows)
        found = {
            "lost": [body for body in self.acknowledged if body not in bodies],
            "doubled": [body for body, count in bodies.items() if count > 1],
            "misnumbered": [str(n) for i, (n, _) in enumerate(rows, 1) if n != i],
        }
        return {what: which for what, which in found.items() if which}

    def outage_seconds(self) -> float:
        """Return the time from the first ping that failed to the last."""
        return max(self.failed_at, default=0) - min(self.failed_at, default=0)


@contextmanager
def light_load(job: Job) -> Iterator[Ledger]:
    """Ping the job some forty times a second while the block runs."""
    ledger, stop = Ledger(), threading.Event()

    def work() -> None:
        number = 0
        while not stop.wait(PAUSE_SECONDS):
            number += 1
            try:
                answer = job.ping(body=str(number).encode())
            except (URLError, OSError, http.client.HTTPException):
                ledger.failed_at.append(time.monotonic())
            else:
                assert answer == "OK"
                ledger.acknowledged.append(str(number))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield ledger
    finally:
        stop.set()
        thread.join()
