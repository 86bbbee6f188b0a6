"""Count what clients lose while releases, a rollback, a renewal and reloads go by.

    python -m tests.bench.deploy [FILE]      FILE gets the figures as JSON (make bench-deploy)

On the lab that is up (LAB=PREFIX says which), else on one of its own, which goes down again
whatever happens. Three releases, made as commits of a scratch repository, go out under a
constant load of pings and pages, quick and slow ones, through both balancers, by IPv4 and IPv6,
on new and on kept connections. The balancers are reloaded in the middle of a roll, while a
server is drained by hand, and while all serve; certificates are renewed while all serve and
while a server is drained. REQUESTS=N makes it shorter or longer.

It prints what was counted and asserts nothing; a step that fails ends it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.fleets import find_fleet
from ops.lab import world
from ops.lab.drill.stand import applied_lab
from ops.lab.plan import DEFAULT_PREFIX
from tests.ops.deploy.stage import BALANCERS, Stage, wait_for, wait_until
from tests.ops.operator import ROOT
from tests.ops.rehearsal import Rehearsal
from tests.ops.release.scratch import Scratch

PER_SECOND = 60
LEAST_REQUESTS = 20_000
RELEASES = 3
RELOAD_SECONDS = 2.0
SETTLED_SECONDS = 120  # a busy machine may let a health check wait
_STEP = re.compile(r"^ {2}(\S.*?) +([0-9.]+) s +([0-9]+) %$", re.MULTILINE)


def main() -> None:
    """Go through the whole exercise, print the table, write the file."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    at = applied_lab(os.environ.get("LAB") or DEFAULT_PREFIX, "bench", _say)
    with at as (lab, is_own), tempfile.TemporaryDirectory() as folder:
        rehearsal = Rehearsal(lab)
        described = find_fleet(str(rehearsal.inventory))
        environment = {
            "STILLHERE_RELEASES": str(ROOT / "build" / "releases"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": f"{folder}/.git/objects",
        }
        stage = Stage(rehearsal, described, Scratch(Path(folder)), environment, checks=40)
        try:
            figures = _exercise(stage)
        finally:
            if not is_own:
                stage.undo()
    _show(figures)
    if len(sys.argv) > 1 and sys.argv[1]:
        Path(sys.argv[1]).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


@dataclass(slots=True)
class Exercise:
    """What was done to the fleet, how long each took, and where the time of rolls went."""

    stage: Stage
    steps: list[tuple[str, float]] = field(default_factory=list)
    shares: list[dict[str, float]] = field(default_factory=list)
    stayed_drained: bool = True

    def go(self) -> None:
        """Do all of it, one after the other."""
        commits = [
            self.stage.release(f"Release {number} of the benchmark")
            for number in range(1, RELEASES + 1)
        ]
        self._timed("deploy", lambda: _must(self.stage.deploy(commits[0])))
        self._timed("deploy", lambda: self._deploy_and_reload(commits[1]))
        self._timed("deploy", lambda: _must(self.stage.deploy(commits[2])))
        self._timed("renewal", self._renew)
        self._while_drained("app3")
        self._timed("rollback", lambda: _must(self.stage.fab("deploy.rollback")))
        self._timed("reload", self._reload)
        wait_until(lambda: self.stage.all_have(commits[1]), SETTLED_SECONDS)

    def count(self, name: str) -> int:
        """Return how often something was done."""
        return sum(step == name for step, _ in self.steps)

    def _while_drained(self, server: str) -> None:
        """Reload and renew while an operator has taken a server out by hand."""
        _must(self.stage.fab("lb.drain", "--host", server))
        for name, act in (("reload", self._reload), ("renewal", self._renew)):
            self._timed(name, act)
            self.stayed_drained &= self.stage.lb_states(server) == {("DRAIN", "drain")}
        _must(self.stage.fab("lb.ready", "--host", server))

    def _deploy_and_reload(self, commit: str) -> str:
        """Deploy; the balancers are reloaded while the second server is drained for it."""
        with self.stage.operator(commit) as operator:
            said = wait_for(operator, "app2    drain")
            self._timed("reload", self._reload)
            rest, _ = operator.communicate(timeout=300)
        if operator.returncode:
            sys.exit(f"a deploy ended with {operator.returncode}:\n{said}{rest}")
        return said + rest

    def _renew(self) -> str:
        return _must(self.stage.fab("certs.renew", "--force", "--yes"))

    def _reload(self) -> str:
        for name in BALANCERS:
            self.stage.run(name, "systemctl reload haproxy")
        time.sleep(RELOAD_SECONDS)
        return ""

    def _timed(self, name: str, act: Callable[[], str]) -> None:
        begin = time.monotonic()
        said = act()
        self.steps.append((name, time.monotonic() - begin))
        _say(f"{name}: {self.steps[-1][1]:.1f} s")
        if found := {step: float(seconds) for step, seconds, _ in _STEP.findall(said)}:
            self.shares.append(found)


def _exercise(stage: Stage) -> dict[str, Any]:
    _say("first release and certificates")
    stage.begin()
    _must(stage.fab("certs.issue", "--yes"))
    roots = stage.run("world", f"curl -sSk https://localhost:{world.ROOTS_PORT}/roots/0")
    least = int(os.environ.get("REQUESTS") or LEAST_REQUESTS)
    done = Exercise(stage)
    with stage.traffic(PER_SECOND, roots) as counted:
        begin = time.monotonic()
        done.go()
        rest = least * 1.05 / PER_SECOND - (time.monotonic() - begin)
        time.sleep(max(0.0, rest))
    lost, doubled = stage.lost_and_doubled(counted.said["acknowledged"])
    said = {key: value for key, value in counted.said.items() if key != "acknowledged"}
    return said | {
        "acknowledged": len(counted.said["acknowledged"]),
        "lost": lost,
        "doubled": doubled,
        "deploys": done.count("deploy"),
        "rollbacks": done.count("rollback"),
        "renewals": done.count("renewal"),
        "reloads": done.count("reload"),
        "stayed_drained": done.stayed_drained,
        "steps": [{"name": name, "seconds": round(seconds, 1)} for name, seconds in done.steps],
        "shares": _added(done.shares),
    }


def _added(shares: list[dict[str, float]]) -> dict[str, float]:
    """Return the seconds of each step of a roll, over all rolls."""
    names = {name for one in shares for name in one}
    return {name: round(sum(one.get(name, 0.0) for one in shares), 1) for name in sorted(names)}


def _show(figures: dict[str, Any]) -> None:
    keys = ["requests", "by_stream", "failed", "by_kind", "acknowledged", "lost", "doubled"]
    for key in [*keys, "deploys", "rollbacks", "renewals", "reloads", "stayed_drained"]:
        print(f"{key:<14} {figures[key]}")
    for one in figures["examples"]:
        print(f"               {one}")
    took = {name: f"{1000 * seconds:.0f} ms" for name, seconds in figures["seconds"].items()}
    print(f"{'an answer':<14} {took}")
    for step in figures["steps"]:
        print(f"{step['name']:<14} {step['seconds']:6.1f} s")
    total = sum(figures["shares"].values()) or 1.0
    print("share of each step in the time of the rolls:")
    for name, seconds in sorted(figures["shares"].items(), key=lambda item: -item[1]):
        print(f"  {name:<18} {seconds:6.1f} s  {100 * seconds / total:3.0f} %")


def _must(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        sys.exit(f"{' '.join(done.args)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
