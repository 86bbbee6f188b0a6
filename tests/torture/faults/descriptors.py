"""Clients that hang take all file descriptors of a receiver while the database is away."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator

from tests.postgresql import Cluster, running_cluster
from tests.torture.case import Case, Setting
from tests.torture.stage import Stage, receiver, stage
from tests.torture.stages import SMALL_SEGMENTS

OPEN_FILES = 160
CLIENTS = 400
HANG_SECONDS = 20
_HALF = b"POST /ping/"  # a request whose rest never comes


@contextlib.contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    limit = ["prlimit", f"--nofile={OPEN_FILES}"]
    with running_cluster() as cluster, stage(
        setting.directory, setting.label, database={"DATABASE_URL": cluster.url}, direct={},
        prefix={receiver(slot): limit for slot in range(2)},
        settings=SMALL_SEGMENTS, seed=setting.seed, answer_seconds=5,
    ) as made:  # fmt: skip
        made.servers["database"] = cluster
        yield made


def exhaust(stage: Stage) -> None:
    """Stop the database, hang on with more clients than there are descriptors, let go."""
    cluster: Cluster = stage.servers["database"]
    cluster.stop(signal.SIGQUIT)
    with contextlib.ExitStack() as held:
        for number in range(CLIENTS):
            client = held.enter_context(socket.socket())
            client.settimeout(1)
            with contextlib.suppress(OSError):
                client.connect((stage.host, stage.ports[number % stage.receivers]))
                client.sendall(_HALF)
        before = stage.acknowledged()
        time.sleep(HANG_SECONDS)
        stage.notes["acknowledged_meanwhile"] = stage.acknowledged() - before
    cluster.start()
    for slot in range(stage.receivers):
        stage.wait_for_receiver(slot)


CASES = (Case("descriptors-exhausted", _stage, exhaust),)
