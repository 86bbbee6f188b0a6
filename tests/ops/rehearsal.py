"""The lab as tests handle it: by names of hosts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.lab import cgroups, faults, fleet, hosts
from ops.lab.hosts import State
from ops.lab.plan import Lab


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One lab that is up."""

    lab: Lab

    @property
    def inventory(self) -> Path:
        return self.lab.home / "inventory.toml"

    def run(self, host: str, command: list[str]) -> str:
        """Run a command in a host, not by ssh; return what it prints, fail when it fails."""
        done = hosts.execute(self.lab, self.lab.host(host), command, timeout_seconds=60)
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def kill(self, host: str) -> None:
        with fleet.changing(self.lab):
            hosts.kill(self.lab, self.lab.host(host))

    def start(self, host: str, *, is_reachable: bool = True) -> None:
        """Switch a host on; wait for its ssh unless it cannot be reached on purpose."""
        if is_reachable:
            fleet.start(self.lab, self.lab.host(host))
            return
        with fleet.changing(self.lab):
            hosts.start(self.lab, self.lab.host(host))
        deadline = time.monotonic() + 20
        while hosts.condition(self.lab, self.lab.host(host)).state is not State.RUNNING:
            assert time.monotonic() < deadline, f"{host} does not start"
            time.sleep(0.2)

    @contextmanager
    def hanging(self, host: str) -> Iterator[None]:
        """Let nothing in a host run for a while; its kernel still answers."""
        freeze = cgroups.top(self.lab) / host / "cgroup.freeze"
        freeze.write_text("1")
        try:
            yield
        finally:
            freeze.write_text("0")

    def cut(self, host: str) -> None:
        with fleet.changing(self.lab):
            faults.cut(self.lab, self.lab.host(host))

    def uncut(self, host: str) -> None:
        with fleet.changing(self.lab):
            faults.uncut(self.lab, self.lab.host(host))
