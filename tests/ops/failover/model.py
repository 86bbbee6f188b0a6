"""A primary and a standby as a failover sees them: small enough to be cut off at every act.

Each act of the hands has its effect on the model, and may be cut off before or after it. What
must never be is looked at after every effect. Replication is instant while both run.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from ops.databases.node import FENCED, PRIMARY, Node
from ops.errors import ChangeFailed, Unreachable
from ops.failover.journal import Procedure, packed, unpacked
from ops.failover.safety import Silence
from tests.ops.databases.nodes import control, node, server

SYSTEM = control().system_identifier


class Fate(StrEnum):
    """What becomes of one act. After a cut nobody is there any more to put anything back."""

    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    FAILS = "fails"
    ANSWER_LOST = "answer lost"
    LATE = "late"  # a promotion is under way when the machine is cut off, and done a little later


class Cut(BaseException):
    """The operator's machine is gone."""


@dataclass(slots=True)
class Machine:
    """A database host. `is_on` False: it has no power. `is_heard` False: nobody gets through."""

    name: str
    is_standby: bool
    marker: str
    is_running: bool = True
    start_conf: str = "auto"
    is_fenced: bool = False
    timeline: int = 3
    wal: int = 1_000
    ended_at: int = 0
    state: str = "in production"
    is_on: bool = True
    is_stopping: bool = False
    kept: dict[str, object] | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether applications can write here."""
        return self.takes_writes and not self.is_fenced

    @property
    def takes_writes(self) -> bool:
        is_up = self.is_on and self.is_running and not self.is_stopping
        return is_up and not self.is_standby

    @property
    def unit(self) -> str:
        if self.is_stopping:
            return "deactivating"
        return "active" if self.is_running else "inactive"

    def cut_power(self) -> None:
        self.is_on = self.is_running = self.is_stopping = False

    def as_node(self) -> Node:
        """Return what its agent would say."""
        running = server(
            is_standby=self.is_standby, timeline=self.timeline, lsn=self.wal, replay_lsn=self.wal
        )
        files = control(timeline=self.timeline, state=self.state, checkpoint_lsn=self.ended_at)
        return node(
            self.name,
            marker=self.marker,
            standby_signal=self.is_standby,
            start_conf=self.start_conf,
            fence=self.is_fenced,
            fence_file=self.is_fenced,
            unit=self.unit,
            server=running if self.unit == "active" else None,
            control=files,
            procedure=self.kept,
        )


@dataclass(slots=True)
class World:
    """Both machines, and the hands on them. `fates` by number of act, from 0 in each run."""

    old: Machine = field(default_factory=lambda: Machine("db1", False, PRIMARY))
    new: Machine = field(default_factory=lambda: Machine("db2", True, ""))
    stop_hangs: bool = False
    is_replicating: bool = True
    is_heard: bool = False
    fates: dict[int, Fate] = field(default_factory=dict)
    acts: int = 0
    log: list[str] = field(default_factory=list)
    was_promoted: bool = False
    promotes_in: int = 0  # acts, until a promotion that is under way is done
    is_lost: bool = False

    def keep(self, procedure: Procedure, *hosts: str) -> None:
        for name in hosts:
            with self._act(f"keep {procedure.step} on {name}", name):
                self._machine(name).kept = packed(procedure)

    def forget(self, procedure: Procedure) -> None:
        for name in (procedure.old, procedure.new):
            if self._machine(name).is_on:
                with self._act(f"forget on {name}", name):
                    self._machine(name).kept = None

    def look(self, procedure: Procedure) -> tuple[Node | None, Node | None]:
        nodes = self.nodes()
        return nodes.get(procedure.old), nodes.get(procedure.new)

    def listen(self, procedure: Procedure) -> Silence:
        heard = ("app1 gets 'refused' from its port 5432",) if self.is_heard else ()
        return Silence(("app1", procedure.new), heard)

    def prepare(self, procedure: Procedure, *, has_checkpoint: bool) -> None:
        with self._act("checkpoint" if has_checkpoint else "prepare", procedure.new):
            pass

    def fence(self, procedure: Procedure) -> None:
        with self._act("fence", procedure.old):
            self.old.marker, self.old.start_conf = FENCED, "disabled"
            self.old.is_fenced = True

    def stop(self, procedure: Procedure) -> bool:
        with self._act("stop", procedure.old):
            self.old.is_stopping = self.old.is_running and self.stop_hangs
            if self.old.is_running and not self.stop_hangs:
                self.old.ended_at, self.old.wal = self.old.wal + 1, self.old.wal + 120
                self._replicate()
                self.old.is_running, self.old.state = False, "shut down"
        return not self.old.is_running

    def kill(self, procedure: Procedure) -> None:
        with self._act("kill", procedure.old):
            self.old.is_running = self.old.is_stopping = False

    def allow_start(self, procedure: Procedure) -> None:
        with self._act("allow start", procedure.old):
            self.old.marker, self.old.start_conf = PRIMARY, "auto"

    def start(self, procedure: Procedure, *, may_start_alone: bool) -> None:
        with self._act("start", procedure.old):
            if self.old.marker != PRIMARY or self.old.start_conf != "auto":
                raise ChangeFailed("the guard refuses: its marker")
            if self.new.takes_writes and self.new.timeline >= self.old.timeline:
                raise ChangeFailed("the guard refuses: the other one is primary")
            is_silent = not (self.new.is_on and self.new.is_running)
            if is_silent and not may_start_alone:
                raise ChangeFailed("the guard refuses: the other one does not answer")
            if self.old.is_stopping:
                raise ChangeFailed("it is on its way down")
            self.old.is_running, self.old.state = True, "in production"

    def unfence(self, procedure: Procedure) -> None:
        with self._act("unfence", procedure.old):
            self.old.marker, self.old.start_conf = PRIMARY, "auto"
            self.old.is_fenced = False

    def release(self, procedure: Procedure) -> None:
        with self._act("release", procedure.new):
            pass

    def start_promoted(self, procedure: Procedure) -> None:
        with self._act("start the promoted one", procedure.new):
            assert not self.old.takes_writes, "it is started beside the old one"
            self.new.is_running = True

    def promote(self, procedure: Procedure) -> None:
        if self.fates.get(self.acts) is Fate.LATE:
            self.promotes_in = 2
            raise Cut
        with self._act("promote", procedure.new):
            if not self.new.is_running:
                raise ChangeFailed("no server answers")
            self._promoted()

    def _promoted(self) -> None:
        if self.new.is_standby:
            assert self.is_lost or self.new.wal >= self.old.wal, "the standby lacks something"
            self.new.is_standby, self.new.marker = False, PRIMARY
            self.new.timeline += 1
            self.was_promoted = True
        self.promotes_in = 0
        self.check()

    def settle(self, procedure: Procedure) -> str:
        with self._act("settle", procedure.new):
            return ""

    def prove(self, procedure: Procedure) -> str:
        with self._act("prove", procedure.new):
            return ""

    def rejoin(self, procedure: Procedure) -> str:
        if not self.old.is_on:
            return "does not answer"
        with self._act("rejoin", procedure.old):
            self.old.is_standby, self.old.is_running = True, True
            self.old.timeline, self.old.is_fenced = self.new.timeline, False
            self.old.start_conf = "auto"
        return "streams"

    def boot(self, one: Machine) -> None:
        """Give a machine its power back; its guard decides whether the database starts."""
        other = self.new if one is self.old else self.old
        one.is_on = True
        is_heard = other.is_on and other.is_running
        is_later = other.takes_writes and other.timeline >= one.timeline
        may_start = one.marker == PRIMARY and is_heard and not is_later
        one.is_running = one.start_conf == "auto" and (one.is_standby or may_start)
        self.check()

    def write(self) -> None:
        """Let applications write where they can, and the standby hear of it."""
        for one in (self.old, self.new):
            if one.is_open:
                one.wal += 8
        self._replicate()

    def nodes(self) -> dict[str, Node]:
        """Return what those say that answer."""
        return {one.name: one.as_node() for one in (self.old, self.new) if one.is_on}

    def kept(self) -> dict[str, Procedure | None]:
        """Return the journals of those that answer."""
        return {one.name: unpacked(one.name, one.kept) for one in (self.old, self.new) if one.is_on}

    def check(self) -> None:
        """Fail for what must never be."""
        assert not (self.old.is_open and self.new.is_open), f"both take writes: {self.log}"
        if self.was_promoted:
            assert not self.old.is_open, f"the old one takes writes after all: {self.log}"

    def _replicate(self) -> None:
        both = self.old.takes_writes and self.new.is_running and self.new.is_standby
        if both and self.is_replicating:
            self.new.wal = max(self.new.wal, self.old.wal)

    def _machine(self, name: str) -> Machine:
        return self.old if name == self.old.name else self.new

    def _act(self, words: str, host: str) -> "_Act":
        return _Act(self, words, host)


@dataclass(slots=True)
class _Act:
    """One act: its number decides its fate."""

    world: World
    words: str
    host: str

    def __enter__(self) -> None:
        world, number = self.world, self.world.acts
        world.acts += 1
        world.log.append(self.words)
        world.write()
        if world.promotes_in:
            world.promotes_in -= 1
            if not world.promotes_in:
                world._promoted()
        fate = world.fates.get(number)
        if fate is Fate.CUT_BEFORE:
            raise Cut
        if fate is Fate.FAILS or not world._machine(self.host).is_on:
            raise Unreachable(f"{self.host}: does not answer when asked to {self.words}.")

    def __exit__(self, kind: object, error: object, _: object) -> None:
        if kind is not None:
            return
        world = self.world
        world.check()
        world.write()
        fate = world.fates.get(world.acts - 1)
        if fate is Fate.CUT_AFTER:
            raise Cut
        if fate is Fate.ANSWER_LOST:
            raise Unreachable(f"{self.host}: the line broke when asked to {self.words}.")


def renewed(world: World, **changed: object) -> World:
    """Return the same machines for the next run: nothing is cut off yet."""
    return replace(world, acts=0, fates={}, log=[*world.log, "-- run --"], **changed)  # type: ignore[arg-type]
