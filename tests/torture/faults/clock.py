"""The clock of the receivers is stepped back under them (libfaketime)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.torture.case import Case, Setting
from tests.torture.stage import Stage, receiver
from tests.torture.stages import SMALL_SEGMENTS, on_one_database

STEP_SECONDS = 30
_LIBRARIES = "*/faketime/libfaketimeMT.so.1"  # Debian's package `faketime`


@contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    control = setting.directory / "clock"
    control.write_text("+0", "ascii")
    (library,) = Path("/usr/lib").glob(_LIBRARIES)
    faked = {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(control),
        "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
    }  # fmt: skip
    extra = {receiver(slot): faked for slot in range(2)}
    with on_one_database(setting, settings=SMALL_SEGMENTS, extra=extra) as stage:
        yield stage


def step_back(stage: Stage) -> None:
    """Step half a minute back, restart one receiver meanwhile, and let time catch up."""
    control = stage.directory / "clock"
    control.write_text(f"-{STEP_SECONDS}", "ascii")
    began = time.monotonic()
    stage.more(200)
    stage.kill(receiver(1))
    stage.start(receiver(1))
    stage.wait_for_receiver(1)
    stage.more(200)
    time.sleep(max(0.0, began + STEP_SECONDS + 5 - time.monotonic()))
    control.write_text("+0", "ascii")


CASES = (Case("clock-stepped-back", _stage, step_back),)
