"""The writer, at two real servers, of which the second takes over."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.lab.drill import writer
from tests.clusters import running_pair

OUTAGE_SECONDS = 1.5


@contextmanager
def writing(url: str) -> Iterator[dict[str, Any]]:
    """Have it write; what it says at the end is in the value then."""
    said: dict[str, Any] = {}
    process = subprocess.Popen(
        [sys.executable, str(Path(writer.__file__))], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"DATABASE_URL": url},
    )  # fmt: skip
    assert process.stdin
    process.stdin.write('{"pause_seconds": 0.01}\n')
    process.stdin.flush()
    try:
        yield said
    finally:
        out, _ = process.communicate("over\n", timeout=60)
    said.update(json.loads(out))


def test_its_gap_is_the_time_without_a_server_that_takes_writes() -> None:
    with running_pair() as pair:
        pair.primary.ask("CREATE ROLE somebody LOGIN")  # not a superuser, as on a fleet
        pair.catch_up()
        with writing(pair.url.replace("stillhere@", "somebody@")) as said:
            time.sleep(2)
            died = time.time()
            pair.primary.kill()
            time.sleep(OUTAGE_SECONDS)
            pair.promote()
            writes_again = time.time()
            time.sleep(2)
    assert said["writes"] > 20
    assert said["gap_seconds"] >= OUTAGE_SECONDS
    assert died - 1 < said["gap_at"] < writes_again
    assert sum(said["errors"].values()) > 0
