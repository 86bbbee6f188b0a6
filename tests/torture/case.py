"""One case: a fault under load, and what was lost by it."""

import contextlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.audit import Found
from tests.torture.ledger import Compared, Ledger, compare
from tests.torture.stage import LOAD, Stage

LEAST_ACKNOWLEDGED = 500
SETTLE_SECONDS = 180
_DAMAGE = re.compile(r"journal (damage passed over|end was torn)")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a case is given: a directory of its own, a label, a seed, and perhaps a database.

    `database` has the variables that name one which may be shared with other
    cases; None means that the case runs servers of its own.
    """

    directory: Path
    label: str
    seed: int
    database: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A fault by name: the stage it plays on, and what is done there while the load runs."""

    name: str
    stage: Callable[[Setting], AbstractContextManager[Stage]]
    inflict: Callable[[Stage], None]
    needs_root: bool = False
    is_quick: bool = False


@dataclass(slots=True)
class Result:
    """What a case showed. `faults` are sentences; without any, the case has passed."""

    name: str
    seconds: float
    compared: Compared = field(default_factory=Compared)
    ledger: Ledger = field(default_factory=Ledger)
    corrupt_reported: int = 0
    faults: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """Return it as it is written into the file."""
        return {
            "name": self.name,
            "acknowledged": len(self.ledger.acknowledged),
            "lost": len(self.compared.lost),
            "doubled": len(self.compared.doubled),
            "destroyed": len(self.compared.destroyed),
            "corrupt_reported": self.corrupt_reported,
            "refused": len(self.ledger.refused),
            "unanswered": len(self.ledger.unanswered),
            "seconds": round(self.seconds, 1),
            "faults": self.faults,
            **self.notes,
        }


def play(case: Case, seed: int, database: dict[str, str] | None = None) -> Result:
    """Play a case. What breaks in it is a fault of the result, and ends nothing else."""
    began = time.monotonic()
    with _directory(case.name) as directory:
        setting = Setting(directory, case.name, seed, database)
        try:
            with case.stage(setting) as stage:
                result = _played(case, stage)
        except Exception as error:  # noqa: BLE001 - a top loop: the other cases go on
            result = Result(case.name, 0.0, faults=[f"{type(error).__name__}: {error}"])
        result.seconds = time.monotonic() - began
    return result


@contextlib.contextmanager
def _directory(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"stillhere-torture-{name}-") as directory:
        path = Path(directory)
        path.chmod(0o755)  # PostgreSQL's user passes through
        yield path


def _played(case: Case, stage: Stage) -> Result:
    """Load, fault, a little more load; then wait until all is applied, and compare."""
    result = Result(case.name, 0.0, notes=stage.notes)
    stage.begin_load()
    stage.more(100)
    case.inflict(stage)
    stage.more(max(100, LEAST_ACKNOWLEDGED - stage.acknowledged()))
    stage.end_load()
    result.faults += [f"{name} died" for name in stage.dead()]
    found = stage.audit(time.time(), SETTLE_SECONDS)
    result.faults += [f"{name} died while settling" for name in stage.dead()]
    result.ledger = stage.ledger()
    result.compared = compare(result.ledger, found.tokens, stage.destroyed)
    result.corrupt_reported = len(_DAMAGE.findall(stage.log("drain").read_text("utf-8")))
    result.faults += _faults(stage, result, found)
    if result.faults:
        result.notes["logs"] = stage.logs()
    return result


def _faults(stage: Stage, result: Result, found: Found) -> list[str]:
    """Return in words what is not as it should be."""
    faults = [*_first(found.late_t), *_first(found.false_downs), *_first(found.wrong_states)]
    for what in ("lost", "doubled", "risen"):
        tokens = getattr(result.compared, what)
        if tokens:
            faults.append(f"{len(tokens)} {what}, among them {', '.join(tokens[:5])}")
    if len(result.ledger.acknowledged) < LEAST_ACKNOWLEDGED:
        faults.append(f"only {len(result.ledger.acknowledged)} acknowledged")
    if stage.damages and result.corrupt_reported < stage.damages:
        faults.append(f"{stage.damages} damaged, {result.corrupt_reported} reported")
    if LOAD in stage.processes:
        faults.append("the load did not end")
    return faults


def _first(sentences: Any) -> list[str]:
    """Return the first few of many sentences, and how many there are."""
    listed = list(sentences)
    return listed if len(listed) <= 3 else [*listed[:3], f"... {len(listed)} such"]
