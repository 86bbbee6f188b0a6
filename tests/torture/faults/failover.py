"""The database fails over to a standby that lacks transactions; two servers are writable."""

import contextlib
import time
from collections.abc import Iterator

from tests.clusters import Node, Pair, running_pair
from tests.torture.case import Case, Setting
from tests.torture.stage import Stage, stage
from tests.torture.stages import SMALL_SEGMENTS

SPLIT_SECONDS = 2.0
_COUNT = "SELECT count(*) FROM pings_ping"
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stillhere'"


@contextlib.contextmanager
def _stage(setting: Setting) -> Iterator[Stage]:
    with running_pair() as pair, stage(
        setting.directory, setting.label,
        database={"DATABASE_URL": pair.url}, direct={"DATABASE_URL": pair.primary.url},
        settings=SMALL_SEGMENTS, seed=setting.seed,
    ) as made:  # fmt: skip
        made.servers["pair"] = pair
        yield made


def fail_over(stage: Stage) -> None:
    """Hold the standby back, kill the primary with -9, promote the standby."""
    pair: Pair = stage.servers["pair"]
    _fall_behind(stage, pair)
    pair.primary.kill()
    _note_missing(stage, pair)
    stage.more(100)
    pair.promote()
    stage.direct = {"DATABASE_URL": pair.standby.url}


def split_brain(stage: Stage) -> None:
    """Promote the standby beside a primary that goes on writing, and cut that one's clients."""
    pair: Pair = stage.servers["pair"]
    _fall_behind(stage, pair)
    _note_missing(stage, pair)
    pair.promote()
    before = _pings(pair.primary)
    time.sleep(SPLIT_SECONDS)
    stage.notes["written_to_the_old_one_meanwhile"] = _pings(pair.primary) - before
    pair.primary.ask(_CUT)
    stage.direct = {"DATABASE_URL": pair.standby.url}
    stage.more(100)
    # It stays writable: whoever asks again has to choose the newer timeline again.
    pair.primary.ask(_CUT)
    pair.standby.ask(_CUT)


def _fall_behind(stage: Stage, pair: Pair) -> None:
    """Let the standby lack some hundred pings that the primary has."""
    pair.catch_up()
    pair.lag()
    at_least = _pings(pair.primary) + 300
    give_up = time.monotonic() + 120
    while _pings(pair.primary) < at_least and time.monotonic() < give_up:
        time.sleep(0.2)
    stage.notes["primary_had"] = _pings(pair.primary)


def _note_missing(stage: Stage, pair: Pair) -> None:
    had = stage.notes.pop("primary_had")
    stage.notes["missing_on_standby"] = had - _pings(pair.standby)
    assert stage.notes["missing_on_standby"] > 0, "the standby lacked nothing"


def _pings(node: Node) -> int:
    ((count,),) = node.ask(_COUNT)
    return int(count)


CASES = (
    Case("failover", _stage, fail_over),
    Case("two-writable-servers", _stage, split_brain),
)
