"""Several faults at once: random, and the same again with the same seed."""

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator

from tests.postgresql import Cluster
from tests.torture.case import Case, Setting
from tests.torture.commit_relay import CommitRelay, Mishap
from tests.torture.damage import flip, frames, newest
from tests.torture.stage import DRAIN, Stage, receiver
from tests.torture.stages import behind_a_relay

ROUNDS = 12


@contextlib.contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    with behind_a_relay(setting, settings={"SEGMENT_BYTES": "16384"}) as made:
        yield made


def torment(stage: Stage) -> None:
    """Begin faults one after the other, without waiting for the one before to be over."""
    chance = random.Random(stage.seed)
    faults: list[Callable[[Stage, random.Random], None]] = [
        _kill_receiver, _kill_drain, _lose_commit, _crash_database, _flip_bit
    ]  # fmt: skip
    done = []
    for _ in range(ROUNDS):
        fault = chance.choice(faults)
        fault(stage, chance)
        done.append(fault.__name__.strip("_"))
        time.sleep(chance.uniform(0.2, 3))
    stage.notes |= {"seed": stage.seed, "done": done}
    for slot in range(stage.receivers):
        stage.wait_for_receiver(slot)


def _kill_receiver(stage: Stage, chance: random.Random) -> None:
    name = receiver(chance.randrange(stage.receivers))
    stage.kill(name)
    stage.start(name)


def _kill_drain(stage: Stage, chance: random.Random) -> None:
    stage.kill(DRAIN)
    time.sleep(chance.uniform(0, 2))
    stage.start(DRAIN)


def _lose_commit(stage: Stage, chance: random.Random) -> None:
    relay: CommitRelay = stage.servers["relay"]
    relay.planned.append(chance.choice(list(Mishap)))


def _crash_database(stage: Stage, chance: random.Random) -> None:
    cluster: Cluster = stage.servers["database"]
    cluster.stop(signal.SIGQUIT)
    time.sleep(chance.uniform(0, 4))
    cluster.start()


def _flip_bit(stage: Stage, chance: random.Random) -> None:
    """Flip a bit of a frame that is certainly not drained: it came while the drain was dead."""
    slot = chance.randrange(stage.receivers)
    journal = stage.journal(slot)
    stage.kill(DRAIN)
    before = newest(journal)
    while newest(journal) < before + 2:
        time.sleep(0.1)
    known = frames(journal, before + 1)
    stage.destroyed |= flip(journal, before + 1, chance.choice(known), chance.choice((0, 4, 8, 40)))
    stage.damages += 1
    stage.start(DRAIN)


CASES = (Case("several-at-once", _stage, torment),)
