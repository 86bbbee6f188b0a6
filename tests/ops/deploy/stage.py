"""A fleet that serves, releases to bring out, and clients who count what goes wrong."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.lab.drill import load, programs
from ops.lab.drill.load import BALANCERS as BALANCERS
from ops.lab.drill.product import Product
from provisioning.fleet import Fleet, Role
from tests.ops.operator import fab, under_way
from tests.ops.rehearsal import Rehearsal
from tests.ops.release.scratch import Scratch

APPS = ("app1", "app2", "app3")
PAGES = ("/sign-in/", "/")
SLOW_PAGES = ("/sign-in/?slow",)
# Every release here has it: clients can have a page under way for longer than a restart takes.
SLOW_WHEN_ASKED = """
import time

_at_once = application


def application(environ, start_response):
    if environ.get("QUERY_STRING") == "slow":
        time.sleep(1.5)
    return _at_once(environ, start_response)
"""


@dataclass(slots=True)
class Counted:
    """What clients say at the end."""

    said: dict[str, Any] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[int, Any]:
        return self.said["failed"], self.said["examples"]


@dataclass(slots=True)
class Stage:
    """The lab's fleet with a first release, and a repository that further ones come from."""

    rehearsal: Rehearsal
    fleet: Fleet
    scratch: Scratch
    environment: Mapping[str, str]
    checks: int = 8  # each keeps a thousand pings
    base: str = ""
    ping_key: str = ""

    @property
    def product(self) -> Product:
        return Product(self.rehearsal.lab)

    def run(self, host: str, command: str) -> str:
        return self.rehearsal.run(host, ["sh", "-c", command])

    def begin(self) -> None:
        """Bring the first release out, make a user, and have its checks made by pings."""
        self.base = self.scratch.git("rev-parse", "HEAD")
        self.base = self.release("Slow when asked", add=SLOW_WHEN_ASKED)
        done = self.deploy(self.base)
        assert done.returncode == 0, done.stdout + done.stderr
        self.ping_key = self.member("a@example.org")
        for target in self.targets:
            url = f"https://ping.stillhere.test/{target}?create=1"
            assert self.curl("lb1", 4, url) in ("200", "201")

    def member(self, email: str) -> str:
        """Make a user with a project; return its ping key."""
        return self.product.member(email)

    @property
    def targets(self) -> list[str]:
        return [f"{self.ping_key}/traffic-{number}" for number in range(self.checks)]

    def release(self, subject: str, path: str = "app/wsgi.py", add: str = "") -> str:
        """Return a commit on top of what serves, with something at the end of a file."""
        self.scratch.git("reset", "--hard", "--quiet", self.base)
        file = self.scratch.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") if file.exists() else ""
        file.write_text(f"{before}\n{add or f'# {subject}'}\n", "utf-8")
        return self.scratch.commit(subject)

    def fab(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return fab(verb, "--fleet", str(self.fleet.path), *arguments, **self.environment)

    def deploy(self, commit: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.fab("deploy", "--commit", commit, *arguments)

    def status(self) -> tuple[int, dict[str, dict[str, Any]]]:
        done = self.fab("deploy.status", "--json")
        return done.returncode, {one["host"]: one for one in json.loads(done.stdout)}

    def releases(self) -> dict[str, str]:
        """Return the current release of each host, where what runs is that very one."""
        found = {}
        for name, one in self.status()[1].items():
            if "trouble" in one:
                found[name] = one["trouble"]
                continue
            is_running = name not in APPS or one["running"] == [one["release"]]
            found[name] = one["release"] if is_running else f"{one['release']}, {one['running']}"
        return found

    def lb_states(self, server: str) -> set[tuple[str, str]]:
        """Return how all balancers see a server's lines: (status, wanted)."""
        done = self.fab("lb.status", "--json")
        return {
            (one["status"].split()[0], one["admin"])
            for one in json.loads(done.stdout)
            if one["server"] == server or one["server"].startswith(f"{server}-")
        }

    def all_serve(self) -> bool:
        """Tell whether the application servers have and run the base, and are up everywhere."""
        found = self.releases()
        is_up = all(self.lb_states(name) == {("UP", "ready")} for name in APPS)
        return is_up and {found[name] for name in APPS} == {self.base[:12]}

    def all_have(self, commit: str) -> bool:
        """Tell whether every host has and runs the release, and all serve."""
        is_up = all(self.lb_states(name) == {("UP", "ready")} for name in APPS)
        return is_up and set(self.releases().values()) == {commit[:12]}

    def operator(self, commit: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Give a deploy that is under way; killed at the end if it still is."""
        where = ("--fleet", str(self.fleet.path))
        return under_way("deploy", *where, "--commit", commit, **self.environment)

    def curl(self, balancer: str, family: int, url: str) -> str:
        """Return the status that the client gets, over TLS as anybody makes it."""
        lab = self.rehearsal.lab
        host = lab.host(balancer)
        address = lab.address(host) if family == 4 else f"[{lab.address6(host)}]"
        name = url.split("/")[2]
        asked = ["curl", "-sk", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}"]
        asked += ["--resolve", f"{name}:443:{address}", url]
        return self.rehearsal.run("client", asked)

    @contextmanager
    def traffic(
        self, per_second: int = 30, trusted: str = "", through: Sequence[str] = BALANCERS
    ) -> Iterator[Counted]:
        """Have the client host ask through every door of balancers until the end, and count.

        It trusts the authority whose certificates are given, else what balancers have now.
        """
        counted = Counted()
        asked = self._asked(per_second, trusted or self.product.certificates(), through)
        with programs.running(self.rehearsal.lab, "client", programs.TRAFFIC, asked) as traffic:
            time.sleep(2)
            yield counted
            time.sleep(1)
        counted.said = traffic.values
        assert counted.said["requests"] > per_second, counted.said

    def _asked(self, per_second: int, trusted: str, through: Sequence[str]) -> dict[str, Any]:
        """Return pings and pages at a constant rate, and slow ones that are always under way."""
        doors = load.doors(self.rehearsal.lab, through)
        pause = 4 * len(doors) / per_second
        kinds = {
            "pings": (self.targets, pause), "pages": (PAGES, pause),
            "slow pings": (self.targets, 0.0), "slow pages": (SLOW_PAGES, 0.0),
        }  # fmt: skip
        streams = [
            load.stream(kind, door, targets, is_kept=is_kept, pause_seconds=pause_seconds)
            for door in doors
            for kind, (targets, pause_seconds) in kinds.items()
            for is_kept in (False, True)
        ]
        return load.asked(trusted, streams)

    def lost_and_doubled(self, rids: list[str], within_seconds: float = 30) -> tuple[int, int]:
        """Return how many of the acknowledged pings are not in the database, and how many twice."""
        found = self.product.settled(rids, within_seconds)
        return found.lost, found.doubled

    def psql(self, words: str) -> str:
        return self.product.psql(self.product.primary(), words)

    def undo(self) -> None:
        """Leave the hosts as an apply has left them."""
        for host in self.fleet.hosts:
            if host.role is Role.LOAD_BALANCER:
                continue
            if host.role is Role.APP_SERVER:
                self.run(
                    host.name, "systemctl stop 'stillhere-*'; rm -f /etc/stillhere/maintenance"
                )
            self.run(
                host.name,
                "rm -rf /srv/stillhere/* /var/lib/stillhere/deploy.json; "
                "mkdir -p /srv/stillhere/releases /srv/stillhere/static",
            )


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    """Read what an operator is shown until these words come; return all of it."""
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it never said {words!r}:\n{said}")


def wait_until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.3)
