"""kill -9 of receivers and of the drain, again and again."""

import time
from contextlib import AbstractContextManager

from tests.torture.case import Case, Setting
from tests.torture.stage import DRAIN, Stage, receiver
from tests.torture.stages import SMALL_SEGMENTS, on_one_database


def _stage(setting: Setting) -> AbstractContextManager[Stage]:
    return on_one_database(setting, settings=SMALL_SEGMENTS)


def kill_receivers(stage: Stage) -> None:
    """Kill each receiver several times, one while the other lives, then both at once."""
    for slot in (0, 1) * 3:
        stage.more(60)
        stage.kill(receiver(slot))
        stage.start(receiver(slot))
        stage.wait_for_receiver(slot)
    stage.kill(receiver(0))
    stage.kill(receiver(1))
    for slot in (0, 1):
        stage.start(receiver(slot))
        stage.wait_for_receiver(slot)


def kill_drain(stage: Stage) -> None:
    """Kill the drain in the middle of its work, and let it find more of it each time."""
    for pause in (0.0, 0.3, 0.7):
        stage.more(60)
        stage.kill(DRAIN)
        time.sleep(pause)
        stage.start(DRAIN)


CASES = (
    Case("kill-receivers", _stage, kill_receivers),
    Case("kill-drain", _stage, kill_drain, is_quick=True),
)
