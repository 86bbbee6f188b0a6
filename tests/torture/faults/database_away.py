"""The database is stopped for a minute."""

import contextlib
import signal
import time
from collections.abc import Iterator

from tests.postgresql import Cluster, running_cluster
from tests.torture.case import Case, Setting
from tests.torture.stage import Stage, stage
from tests.torture.stages import SMALL_SEGMENTS

AWAY_SECONDS = 60


@contextlib.contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    with running_cluster() as cluster, stage(
        setting.directory, setting.label, database={"DATABASE_URL": cluster.url}, direct={},
        settings=SMALL_SEGMENTS, seed=setting.seed,
    ) as made:  # fmt: skip
        made.servers["database"] = cluster
        yield made


def stop_database(stage: Stage) -> None:
    """Let the server crash, and start it again after a minute; pings go on meanwhile."""
    cluster: Cluster = stage.servers["database"]
    before = stage.acknowledged()
    cluster.stop(signal.SIGQUIT)
    time.sleep(AWAY_SECONDS)
    stage.notes["acknowledged_meanwhile"] = stage.acknowledged() - before
    cluster.start()


CASES = (Case("database-stopped", _stage, stop_database),)
