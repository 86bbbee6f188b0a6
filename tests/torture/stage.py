"""Where a case plays: real receivers, drain and notifier, checks, and a load on them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from json import dumps
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.e2e.commands import ROOT
from tests.e2e.service import wait_for
from tests.ports import free_port
from tests.torture.audit import Found, Question
from tests.torture.ledger import Ledger
from tests.torture.load import Plan, Target
from tests.torture.world import World

DRAIN, NOTIFIER, LOAD = "drain", "notifier", "load"
HEALTH = "health"  # of `Stage.prefix`: where receivers are asked from
LOOPBACK = "127.0.0.1"
_ASK = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)"
_KEPT = ("PATH", "HOME", "LANG")
_PATIENCE_SECONDS = 120


def receiver(slot: int) -> str:
    """Return the name of the receiver of a slot."""
    return f"receiver-{slot}"


@dataclass(slots=True)
class Stage:
    """The processes of one server, and what was done to them.

    `database` has the variables with which the product's processes find the
    database, `direct` those with which this tool does. `prefix` is put before a
    process's command. `destroyed` are tokens whose bytes the case itself destroyed,
    in `damages` stretches; `notes` go into the result. `servers` are what the case
    itself needs besides.
    """

    directory: Path
    label: str
    database: dict[str, str]
    direct: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)
    prefix: dict[str, list[str]] = field(default_factory=dict)
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    host: str = LOOPBACK
    receivers: int = 2
    per_second: float = 200
    workers: int = 16
    answer_seconds: float = 10
    body_bytes: int = 0
    seed: int = 1
    ports: list[int] = field(default_factory=list)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    world: World | None = None
    destroyed: set[str] = field(default_factory=set)
    damages: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    servers: dict[str, Any] = field(default_factory=dict)

    # --- processes ----------------------------------------------------------------

    def open(self, *, steady: int = 30, mixed: int = 30) -> None:
        """Make the checks and start everything but the load; return when all of it works."""
        counts = {"TORTURE_STEADY": str(steady), "TORTURE_MIXED": str(mixed)}
        said = self.django("tests.torture.world", "", counts | {"TORTURE_PROJECT": self.label})
        self.world = World.of_json(said)
        self.ports = [free_port() for _ in range(self.receivers)]
        for name in (DRAIN, *map(receiver, range(self.receivers)), NOTIFIER):
            self.start(name)
        for slot in range(self.receivers):
            self.wait_for_receiver(slot)
            snapshot = self.journal(slot) / "directory"
            wait_for(snapshot.exists, "the directory", self.logs, timeout_seconds=60)

    def start(self, name: str) -> None:
        """Start a process; it dies with this one."""
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*self.prefix.get(name, []), sys.executable, *_command(name)],
                cwd=ROOT, env=self.environment(name), stdout=log, stderr=log,
                stdin=subprocess.PIPE if name == LOAD else subprocess.DEVNULL,
                # Ctrl-C is for us: who is stopped in which order is decided here.
                start_new_session=True,
            )  # fmt: skip

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a process."""
        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        own: dict[str, str] = {}
        if name.startswith("receiver-"):
            slot = int(name.rpartition("-")[2])
            own = {"PORT": str(self.ports[slot]), "HOST": self.host, "RECEIVER_SLOT": str(slot)}
        return (
            kept
            | {"DJANGO_SETTINGS_MODULE": "app.settings", "SERVER_NAME": self.label}
            | {"STILLHERE_DATA_DIR": str(self.data_dir), "MIN_PERIOD_SECONDS": "1"}
            | {"PING_LOG_LIMIT": "1000000", "PYTHONDONTWRITEBYTECODE": "1"}
            | {"STILLHERE_SUPERVISOR_PID": str(os.getpid())}
            | own
            | self.database
            | self.settings
            | self.extra.get(name, {})
        )

    def signal(self, name: str, how: signal.Signals) -> int:
        """End a process and wait for it; return its exit status."""
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(_PATIENCE_SECONDS)

    def kill(self, name: str) -> None:
        """Kill a process with -9. AssertionError when it was not alive."""
        assert self.processes[name].poll() is None, f"{name} is dead already\n{self.logs()}"
        self.signal(name, signal.SIGKILL)

    def close(self) -> None:
        """End everything that is still there."""
        for process in self.processes.values():
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
        self.processes.clear()

    def dead(self) -> list[str]:
        """Return the processes that ended without being told, and start them again."""
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        for name in ended:
            if name != LOAD:
                self.start(name)
        return ended

    # --- the load -----------------------------------------------------------------

    def begin_load(self) -> None:
        """Begin to ping."""
        assert self.world is not None
        plan = Plan(
            [(self.host, port) for port in self.ports],
            _targets(self.world, self.receivers),
            str(self.directory / "ledger"),
            self.label,
            self.per_second, self.workers, self.answer_seconds, self.body_bytes, self.seed,
        )  # fmt: skip
        self.start(LOAD)
        pipe = self.processes[LOAD].stdin
        assert pipe is not None
        pipe.write(plan.as_json().encode())
        pipe.close()

    def end_load(self) -> None:
        """Stop to ping; pings under way are heard out."""
        self.signal(LOAD, signal.SIGTERM)

    def ledger(self) -> Ledger:
        """Return what was answered so far."""
        return Ledger.read(self.directory / "ledger")

    def acknowledged(self) -> int:
        """Return how many pings were acknowledged so far."""
        return len(self.ledger().acknowledged)

    def more(self, count: int, *, timeout_seconds: float = _PATIENCE_SECONDS) -> None:
        """Return when so many more pings are acknowledged."""
        wanted = self.acknowledged() + count
        wait_for(
            lambda: self._slept() and self.acknowledged() >= wanted,
            f"{count} more pings to be acknowledged", self.logs, timeout_seconds=timeout_seconds,
        )  # fmt: skip

    # --- what is there --------------------------------------------------------------

    @property
    def data_dir(self) -> Path:
        """Return the data directory of the server."""
        return self.directory / "var"

    def journal(self, slot: int) -> Path:
        """Return where the journal of a slot lies."""
        return self.data_dir / "journal" / str(slot)

    def log(self, name: str) -> Path:
        """Return where a process's output goes."""
        return self.directory / f"{name}.log"

    def logs(self) -> str:
        """Return the last lines of every process."""
        return last_lines(self.directory)

    def health(self, slot: int, name: str = "accepting") -> bool:
        """Return whether a receiver says that it is well."""
        address = f"http://{self.host}:{self.ports[slot]}/-/{name}"
        if HEALTH in self.prefix:
            ask = [*self.prefix[HEALTH], sys.executable, "-c", _ASK, address]
            return not subprocess.run(ask, check=False, capture_output=True).returncode
        try:
            with urlopen(address, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_for_receiver(self, slot: int) -> None:
        """Return when a receiver takes pings."""
        wait_for(
            lambda: self.health(slot), f"receiver {slot}", self.logs,
            timeout_seconds=_PATIENCE_SECONDS,
        )  # fmt: skip

    def audit(self, until: float, patience_seconds: float) -> Found:
        """Return what the database says once T has passed `until`."""
        assert self.world is not None
        question = Question(self.world.project, self.label, until, patience_seconds, self.receivers)
        return Found.of_json(self.django("tests.torture.audit", dumps(asdict(question)), {}))

    def django(self, module: str, text: str, variables: dict[str, str]) -> str:
        """Run a module of this tool with the product's settings; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", module], input=text, text=True, check=False,
            cwd=ROOT, env=self.environment(module) | self.direct | variables,
            capture_output=True,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{module} failed:\n{done.stderr}\n{self.logs()}")
        return done.stdout.splitlines()[-1]

    def _slept(self) -> bool:
        time.sleep(0.1)
        return True


@contextlib.contextmanager
def stage(directory: Path, label: str, **parts: Any) -> Iterator[Stage]:
    """Give a stage that is open; end its processes afterwards."""
    made = Stage(directory, label, **parts)
    try:
        made.open()
        yield made
    finally:
        made.close()


def last_lines(directory: Path, count: int = 12) -> str:
    """Return the last lines of every log in a directory."""
    found = []
    for path in sorted(directory.glob("*.log")):
        lines = path.read_text("utf-8", "replace").splitlines()[-count:]
        found.append("\n".join([f"--- {path.name}", *lines]))
    return "\n".join(found)


def _targets(world: World, receivers: int) -> list[Target]:
    anywhere = [Target(f"/ping/{code}") for code in world.steady]
    # One receiver each: a flip that was told is not told otherwise when a ping of
    # another receiver, sent a moment before it, arrives a moment later.
    pinned = [
        Target(f"/ping/{code}", number % receivers, is_mixed=True)
        for number, code in enumerate(world.mixed)
    ]
    made = [Target(f"/ping/{world.ping_key}/made-{number}?create=1") for number in range(10)]
    return [*anywhere, *pinned, *made]


def _command(name: str) -> list[str]:
    if name == LOAD:
        return ["-m", "tests.torture.load"]
    if name.startswith("receiver-"):
        return ["-m", "app.pings.receiver"]
    return ["manage.py", name]


Build = Callable[[Path, int], contextlib.AbstractContextManager[Stage]]
