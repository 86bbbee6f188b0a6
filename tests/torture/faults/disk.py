"""The disk of the journal is full."""

import contextlib
import subprocess
import time
from collections.abc import Iterator

from tests.e2e.service import wait_for
from tests.torture.case import Case, Setting
from tests.torture.stage import DRAIN, Stage
from tests.torture.stages import on_one_database

DISK_BYTES = 8 * 2**20
BALLAST_BYTES = 5 * 2**20
FULL_SECONDS = 5


@contextlib.contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    place = setting.directory / "var" / "journal"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "torture", str(place)]
    subprocess.run(mount, check=True)
    try:
        (place / "ballast").write_bytes(bytes(BALLAST_BYTES))
        settings = {"SEGMENT_BYTES": str(2**18)}
        with on_one_database(setting, settings=settings, body_bytes=3_000) as stage:
            yield stage
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill_disk(stage: Stage) -> None:
    """Fill the disk with pings while the drain is away; with it; then make room."""
    stage.kill(DRAIN)
    _wait_until_full(stage)
    stage.start(DRAIN)
    time.sleep(FULL_SECONDS)
    (stage.data_dir / "journal" / "ballast").unlink()
    for slot in range(stage.receivers):
        stage.wait_for_receiver(slot)


def _wait_until_full(stage: Stage) -> None:
    """Return when pings have been refused for a while, because nothing fits any more."""
    wait_for(
        lambda: len(stage.ledger().refused) > 20,
        "the disk to be full", stage.logs, timeout_seconds=120,
    )  # fmt: skip
    time.sleep(FULL_SECONDS)


CASES = (Case("disk-full", _stage, fill_disk, needs_root=True),)
