"""wrk, from Debian's package: requests as fast as answers come. It bounds itself by time."""

import json
import math
import random
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ping.processes import ending_with_us

ANSWER_SECONDS = 10
CONNECTIONS = 64
_SCRIPT = Path(__file__).parent / "pings.lua"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load; `began` and `ended` are times of time.monotonic()."""

    answered: int  # with 2xx or 3xx
    refused: int  # with 4xx or 5xx
    broken: int  # no answer: connections refused and reset, time-outs
    began: float
    ended: float
    p50_ms: float
    p99_ms: float
    cpu_seconds: float  # of wrk itself
    connections: int

    @property
    def seconds(self) -> float:
        """Return how long it lasted."""
        return self.ended - self.began

    def problems(self) -> list[str]:
        """Return what no ping should meet."""
        found = {"refused": self.refused, "not answered": self.broken}
        return [f"{count} requests {what}" for what, count in found.items() if count]


def write_paths(path: Path, codes: Sequence[str], most: int = 100_000) -> Path:
    """Write the paths of pings to some checks, in a random order; return the file."""
    some = random.sample(codes, min(len(codes), most))
    path.write_text("".join(f"/ping/{code}\n" for code in some), "ascii")
    return path


def load(
    port: int,
    paths: Path,
    seconds: float,
    *,
    is_kept: bool = True,
    connections: int = CONNECTIONS,
) -> Load:
    """Load a server on this machine for some seconds, whole ones: wrk knows no others.

    One thread: a second one would take the server's processor on a machine with two.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s"]
    command += [f"--timeout={ANSWER_SECONDS}s", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}"]
    command += ["--", str(paths), "1", "keep-alive" if is_kept else "close"]
    before = _children_seconds()
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, preexec_fn=ending_with_us()
    )
    ended = time.monotonic()
    said = json.loads(done.stdout.splitlines()[-1])
    return Load(
        answered=said["requests"] - said["status"],
        refused=said["status"],
        broken=said["connect"] + said["read"] + said["write"] + said["timeout"],
        began=ended - said["seconds"],
        ended=ended,
        p50_ms=said["p50_us"] / 1e3,
        p99_ms=said["p99_us"] / 1e3,
        cpu_seconds=_children_seconds() - before,
        connections=connections,
    )


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
