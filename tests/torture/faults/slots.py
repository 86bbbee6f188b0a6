"""A second receiver is started on a slot that is taken."""

import signal
from contextlib import AbstractContextManager

from tests.ports import free_port
from tests.torture.case import Case, Setting
from tests.torture.stage import Stage, receiver
from tests.torture.stages import SMALL_SEGMENTS, on_one_database


def _stage(setting: Setting) -> AbstractContextManager[Stage]:
    return on_one_database(setting, settings=SMALL_SEGMENTS)


def start_second(stage: Stage) -> None:
    """Start it on a port of its own; it has to refuse, and the first to go on."""
    for _ in range(2):
        stage.more(50)
        intruder = receiver(0)
        first = stage.processes.pop(intruder)
        stage.extra[intruder] = {"PORT": str(free_port())}
        stage.start(intruder)
        status = stage.processes.pop(intruder).wait(60)
        stage.processes[intruder] = first
        del stage.extra[intruder]
        assert status != 0, "the second receiver was let in"
        assert first.poll() is None, "the first receiver is gone"
    assert "another receiver writes to slot 0" in stage.log(receiver(0)).read_text("utf-8")
    # When the first is gone, the next one goes on where it was.
    stage.signal(receiver(0), signal.SIGKILL)
    stage.start(receiver(0))
    stage.wait_for_receiver(0)


CASES = (Case("two-receivers-on-a-slot", _stage, start_second, is_quick=True),)
