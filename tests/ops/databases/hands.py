"""The databases of a lab, in the hands of a test: asked, switched over, hurt and put back."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ops.reading import Sessions, sessions_with
from provisioning.fleet import Fleet, Role
from provisioning.flows import POSTGRESQL, addresses
from tests.ops.operator import fab
from tests.ops.rehearsal import Rehearsal

PATIENCE_SECONDS = 60
WHO = {"by": "test@here", "why": "a test"}
AUDIT = {"audit": "a test"}
PORT = {"port": POSTGRESQL.port}


@dataclass(frozen=True, slots=True)
class Databases:
    """db1 and db2 of a fleet that had an apply: db1 is the primary, db2 streams."""

    fleet: Fleet
    rehearsal: Rehearsal

    def fab(self, verb: str, *arguments: str) -> tuple[int, str]:
        """Run a verb; return its exit status, and all that it said."""
        done = fab(verb, *arguments, "--fleet", str(self.fleet.path))
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """Return what fab db.status tells programs, but that no backup has come back.

        No release is there yet that could take one.
        """
        found: dict[str, Any] = json.loads(
            fab("db.status", "--json", "--fleet", str(self.fleet.path)).stdout
        )
        found["red"] = [one for one in found["red"] if "whether a backup comes back" not in one]
        return found

    def roles(self) -> dict[str, str]:
        """Return role and state of each host."""
        return {one["name"]: f"{one['role']}, {one['state']}" for one in self.status()["hosts"]}

    def ask(self, host: str, sql: str) -> str:
        """Ask a host's server as its superuser."""
        command = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1"]
        return self.rehearsal.run(host, [*command, "-c", sql]).strip()

    @contextmanager
    def sessions(self) -> Iterator[Sessions]:
        with sessions_with(self.fleet, ("test@here", "a test")) as sessions:
            yield sessions

    def act(self, host: str, what: str, **values: Any) -> dict[str, Any]:
        """Have a host's agent do something."""
        with self.sessions() as sessions:
            session = sessions.of(self.fleet.host(host))
            return session.ask(what, answer_seconds=300, **AUDIT, **values)

    def fence(self, host: str) -> None:
        keep_out = list(addresses(self.fleet, Role.APP_SERVER))
        self.act(host, "fence", addresses=keep_out, **PORT, **WHO)

    def switch(self, old: str, new: str) -> None:
        """Make `new` the primary as a planned failover does; `old` is left fenced and stopped."""
        self.act(old, "checkpoint", seconds=60, **PORT)
        self.fence(old)
        assert self.act(old, "stop_database", seconds=60)["is_stopped"]
        self.promote(new)

    def promote(self, new: str) -> None:
        self.act(new, "promote", seconds=60, **PORT, **WHO)
        self.act(new, "checkpoint", seconds=60, **PORT)

    def crash(self, host: str) -> None:
        """End every process of the server at once, and let nobody start it."""
        self.fence(host)
        kill = ["systemctl", "kill", "--signal=SIGKILL", "postgresql@*-main.service"]
        self.rehearsal.run(host, kill)
        self.wait(lambda: self.unit(host) != "active", f"{host}'s server to be gone")
        assert self.act(host, "stop_database", seconds=60)["is_stopped"]

    def unit(self, host: str) -> str:
        asked = ["sh", "-c", "systemctl is-active 'postgresql@*-main.service'; true"]
        return self.rehearsal.run(host, asked).strip()

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"waited for {what} in vain"
            time.sleep(0.3)

    def put_back(self) -> None:
        """Have db1 the primary and db2 its standby again, whatever a test has done to them."""
        if self.roles() == WELL:
            return
        if self.status()["primary"] == "db2":
            self.follow("db1")
            self.switch("db2", "db1")
        elif self.status()["primary"] is None:
            self.fab("db.unfence", "db1", "--confirm", "db1")
        self.follow("db2")
        assert self.roles() == WELL, self.status()

    def follow(self, host: str) -> None:
        status, said = self.fab("db.rejoin", host, "--confirm", host)
        if status:
            self.fab("db.fence", host, "--confirm", host)
            status, said = self.fab("db.standby", host, "--reclone", "--confirm", host)
        assert status == 0, said


WELL = {"db1": "primary, accepting writes", "db2": "standby, streaming"}
