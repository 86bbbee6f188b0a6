"""Apply one batch after the other: this is where the drain gets its speed.

    begin, load 1  ->  fold  ->  write 1, move, commit, begin, load 2  ->  fold  ->  ...

What stands between two arrows is one message to the database and its answer: a batch
of a backlog costs one round trip, a single one two. No transaction stays open behind
a run. What is more than folding (a check to be made, a ping of a check that is not
there, a ping that the database refuses) is left to `apply`, which takes the same
batch in an ordinary transaction: here it is rolled back, or was never begun.
"""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from app.database import DATABASE_TROUBLE
from app.pings.apply import Applied, PositionMovedError, folded
from app.pings.batches import Step
from app.pings.frames import Entry
from app.pings.journal import JournalError, Place
from app.pings.poison import add
from app.pings.store import Store
from app.pings.store.rows import Changed, Loaded, Move
from app.pings.wire import Verdict

log = logging.getLogger(__name__)

# Between two runs receivers, the notifier's questions and the directory get their turn.
RUN_SECONDS = 0.25

_ByCheck = dict[UUID, list[tuple[Entry, Place]]]


class _NeedsMore(Exception):
    """The batch is not for this path."""


@dataclass(slots=True)
class Run:
    """What a run of batches did. `last` is the last step that is committed.

    `batches` has the pings of each, and the seconds it took. With a `trouble` the connection
    is not to be used any more: what it has noted of places is void, too.
    """

    done: Applied = field(default_factory=Applied)
    last: Step | None = None
    batches: list[tuple[int, float]] = field(default_factory=list)
    trouble: Exception | None = None


def apply_all(
    position_id: int, steps: Iterator[Step], store: Store, ordinarily: Callable[[Step], Applied]
) -> Run:
    """Apply steps, at least one, until there are no more or it is somebody else's turn.

    When the database goes away behind the first one, what was done until then is
    returned with it; before, the error is raised. The position says what holds.
    """
    pipeline, run = _Pipeline(position_id, steps, store), Run()
    until = time.monotonic() + RUN_SECONDS
    try:
        while (step := pipeline.step) is not None:
            begin = time.monotonic()
            done = pipeline.apply(goes_on=lambda: time.monotonic() < until)
            if done is None:
                done = ordinarily(step)
                pipeline.step = None
            run.last = step
            run.batches.append((len(step.batch.entries), time.monotonic() - begin))
            add(run.done, done)
    except (*DATABASE_TROUBLE, PositionMovedError) as error:
        if run.last is None:
            raise
        run.trouble = error
    return run


class _Pipeline:
    """The step that is next, and its checks when they are loaded and locked already."""

    def __init__(self, position_id: int, steps: Iterator[Step], store: Store) -> None:
        self._position_id, self._steps, self._store = position_id, steps, store
        self.step = next(steps, None)
        self._loaded: list[Loaded] | None = None
        self._found: _ByCheck | None = None

    def apply(self, goes_on: Callable[[], bool]) -> Applied | None:
        """Apply the step and load the next one's checks; None when it needs more than this.

        Then nothing of it is committed, and no transaction is open.
        """
        assert self.step is not None
        try:
            return self._apply(self.step, goes_on)
        except Exception as error:
            self._store.abandon()
            if isinstance(error, (*DATABASE_TROUBLE, PositionMovedError)):
                raise
            if not isinstance(error, _NeedsMore):
                log.warning("batch is taken ordinarily reason=%s", str(error).strip())
            return None

    def _apply(self, step: Step, goes_on: Callable[[], bool]) -> Applied:
        found = self._found if self._found is not None else _by_check(step)
        loaded = self._loaded
        if loaded is None:
            loaded = self._store.begin(list(found))
        done, changed = _folded(step, found, loaded)
        # Who asks waits for the answer: it goes out behind this batch.
        following = self._following() if goes_on() and not done.verdicts else None
        ahead = None if following is None else _plain(following)
        move = Move(self._position_id, step.batch.start, step.batch.end, step.applied_before)
        loaded = self._store.commit(move, changed, None if ahead is None else list(ahead))
        self.step, self._found = following, ahead
        self._loaded = None if ahead is None else loaded
        return done

    def _following(self) -> Step | None:
        try:
            following = next(self._steps, None)
        except JournalError:
            return None  # who reads on from here meets it again
        has_something = following is not None and following.batch.end != following.batch.start
        return following if has_something else None


def settle_memory() -> None:
    """Let the collector look seldom, and only at what is made from now on.

    A batch is thousands of values that hold no cycle, and each look at all that a
    program with Django has loaded is as dear as folding one.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _plain(step: Step) -> _ByCheck | None:
    try:
        return _by_check(step)
    except _NeedsMore:
        return None


def _by_check(step: Step) -> _ByCheck:
    found: _ByCheck = {}
    for pair in step.batch.entries:
        target = pair[0].target
        if not isinstance(target, UUID):
            raise _NeedsMore
        entries = found.get(target)
        if entries is None:
            found[target] = [pair]
        else:
            entries.append(pair)
    return found


def _folded(step: Step, found: _ByCheck, loaded: list[Loaded]) -> tuple[Applied, list[Changed]]:
    if len(loaded) < len(found):
        raise _NeedsMore  # a check is not there
    done = Applied()
    changed = [folded(check, found[check.code], done) for check in loaded]
    done.verdicts = [(place, Verdict.EXISTS) for entry, place in step.batch.entries if entry.asks]
    return done, changed
