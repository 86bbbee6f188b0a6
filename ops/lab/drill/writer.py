"""Write to the database all the time, as an application does; runs on an application server.

    {"pause_seconds": 0.01}                                       the first line of stdin
    ... any second line ends it, and a line of JSON comes back:
    {"writes": n, "gap_seconds": ..., "gap_at": ..., "errors": {...}}

DATABASE_URL names the hosts. A write is a commit that waits for the primary's disk, of a
message that no table keeps. `gap_seconds` is the longest time between two that succeeded,
`gap_at` when it began, in seconds since 1970; errors are counted by SQLSTATE.
"""

import contextlib
import json
import os
import select
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg2

_WRITE = "SELECT pg_logical_emit_message(true, 'drill', '')"


@dataclass(slots=True)
class Written:
    """What came of all writes so far. Times in seconds since 1970."""

    writes: int = 0
    last: float = 0.0
    gap_seconds: float = 0.0
    gap_at: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    def succeed(self, now: float) -> None:
        """Count a write that is on the primary's disk."""
        if self.writes and now - self.last > self.gap_seconds:
            self.gap_seconds, self.gap_at = now - self.last, self.last
        self.last = now
        self.writes += 1


def main() -> None:
    """Write until another line comes, or the end of stdin."""
    pause = json.loads(sys.stdin.readline())["pause_seconds"]
    written, connection = Written(), None
    while not select.select([sys.stdin], [], [], pause)[0]:
        try:
            if connection is None:
                connection = psycopg2.connect(os.environ["DATABASE_URL"])
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(_WRITE)
            written.succeed(time.time())
        except psycopg2.Error as error:
            written.errors[error.pgcode or type(error).__name__] += 1
            if connection is not None:
                with contextlib.suppress(psycopg2.Error):
                    connection.close()
            connection = None
    said = {
        "writes": written.writes,
        "gap_seconds": written.gap_seconds,
        "gap_at": written.gap_at,
        "errors": dict(written.errors),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
