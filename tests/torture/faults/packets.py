"""Three of ten packets are lost: between clients and receivers, and on the way to PostgreSQL."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.commands import ROOT
from tests.e2e.service import wait_for
from tests.postgresql import running_cluster
from tests.torture.case import Case, Setting
from tests.torture.network import (
    DATABASE,
    SERVER_FOR_CLIENTS,
    Network,
    running_network,
)
from tests.torture.stage import DRAIN, HEALTH, LOAD, NOTIFIER, Stage, receiver, stage
from tests.torture.stages import SMALL_SEGMENTS

PERCENT = 30
LEAST_SECONDS = 60
PORT = 5432
# Who asks from the server's own address may hear how the receiver is.
_TRUSTED = {"TRUSTED_PROXIES": SERVER_FOR_CLIENTS}


@contextlib.contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    with running_cluster() as cluster, running_network() as network:
        inside = network.inside(network.server)
        on_server = (DRAIN, NOTIFIER, HEALTH, receiver(0), receiver(1))
        through = f"postgresql://stillhere@{DATABASE}:{PORT}/stillhere?gssencmode=disable"
        with _relay(network, cluster.socket), stage(
            setting.directory, setting.label,
            database={"DATABASE_URL": through}, direct={"DATABASE_URL": cluster.url},
            prefix=dict.fromkeys(on_server, inside) | {LOAD: network.inside(network.clients)},
            host=SERVER_FOR_CLIENTS, settings=SMALL_SEGMENTS | _TRUSTED,
            workers=64, answer_seconds=30, seed=setting.seed,
        ) as made:  # fmt: skip
            made.servers["network"] = network
            yield made


@contextlib.contextmanager
def _relay(network: Network, socket: Path) -> Iterator[None]:
    """Let PostgreSQL, which has a Unix socket only, be reached inside its namespace."""
    command = [sys.executable, "-m", "tests.torture.commit_relay", DATABASE, str(PORT), str(socket)]
    with subprocess.Popen(
        [*network.inside(network.database), *command], cwd=ROOT, start_new_session=True
    ) as process:
        try:
            listens = [*network.inside(network.database), "ss", "-Hltn"]
            wait_for(
                lambda: f":{PORT} " in subprocess.check_output(listens, text=True),
                "the relay", timeout_seconds=60,
            )  # fmt: skip
            yield
        finally:
            process.kill()


def lose_packets(stage: Stage) -> None:
    """Lose them for a while in which pings get through all the same, then mend the network."""
    network: Network = stage.servers["network"]
    network.lose(PERCENT)
    began = time.monotonic()
    stage.more(500, timeout_seconds=240)
    time.sleep(max(0.0, began + LEAST_SECONDS - time.monotonic()))
    network.heal()


CASES = (Case("packet-loss", _stage, lose_packets, needs_root=True),)
