"""Load balancers of the lab with echo servers behind them, handled by names."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haproxy.stats import STAT, STATE, Report, reports
from ops.lab import hosts
from ops.remote import Session
from provisioning.fleet import Fleet, Role
from provisioning.flows import PAGES, RECEIVER
from tests.ops.rehearsal import Rehearsal

_ECHO, _HAMMER = (
    Path(__file__).with_name(name).read_text("utf-8") for name in ("echo.py", "hammer.py")
)
_PORTS = [str(service.port) for service in (PAGES, *RECEIVER)]
SITE, PINGS = "stillhere.test", "ping.stillhere.test"
# What nobody is to believe: options of curl that say of a client what is not so.
FORGED = "203.0.113.66"
FORGERIES = [
    option
    for header in (
        f"X-Forwarded-For: {FORGED}",
        f"X-FORWARDED-FOR: {FORGED}, 127.0.0.1",
        f"X_Forwarded_For: {FORGED}",
        f"X-Forwarded-Host: {FORGED}",
        "X-Forwarded-Proto: gopher",
        f"Forwarded: for={FORGED};proto=gopher",
        f"X-Real-IP: {FORGED}",
        f"X-Cluster-Client-IP: {FORGED}",
        f"Script_Name: /{FORGED}",
        f"Proxy: {FORGED}",
    )
    for option in ("-H", header)
]


@dataclass(frozen=True, slots=True)
class Stand:
    """A fleet that is applied, with what `fleet` names switched on."""

    rehearsal: Rehearsal
    fleet: Fleet
    debian: int

    def run(self, host: str, *command: str, stdin: str = "") -> str:
        """Return what a command in a host prints; it may fail."""
        lab = self.rehearsal.lab
        return hosts.execute(
            lab, lab.host(host), list(command), stdin=stdin, timeout_seconds=120
        ).stdout

    def address(self, host: str, family: int = 4) -> str:
        lab = self.rehearsal.lab
        return (lab.address if family == 4 else lab.address6)(lab.host(host))

    def curl(
        self, url: str, *options: str, client: str = "client", family: int = 4, to: str = "lb1"
    ) -> "Answer":
        """Return an answer to the client; names lead to the balancer."""
        address = self.address(to, family)
        where = [
            option
            for name in (SITE, PINGS)
            for port in (80, 443)
            for option in ("--resolve", f"{name}:{port}:[{address}]" if family == 6
                           else f"{name}:{port}:{address}")
        ]  # fmt: skip
        form = r"\n%{http_code} %{http_version}"
        said = self.run(
            client, "curl", "-sk", "-i", "-m", "20", *where, "-w", form, *options, url
        )  # fmt: skip
        return Answer.parsed(said)

    def echoed(self, url: str, *options: str, **about: Any) -> dict[str, Any]:
        """Return what reached the echo server."""
        answer = self.curl(url, *options, **about)
        assert answer.status == 200, answer
        said: dict[str, Any] = json.loads(answer.body)
        return said

    def python(self, host: str, program: str, *arguments: str) -> Any:
        """Run a program in a host; return the JSON that it prints."""
        return json.loads(self.run(host, "python3", "-", *arguments, stdin=program))

    def hammer(
        self, host: str, address: str, most: int, *paths: str, pause_seconds: float = 0
    ) -> dict[str, Any]:
        """Ping so often from a host, over plain HTTP, that it is told to wait (hammer.py)."""
        options = (address, str(most), str(pause_seconds), *paths)
        said: dict[str, Any] = self.python(host, _HAMMER, *options)
        return said

    def ask(self, *commands: str, balancer: str = "lb1", audit: str = "") -> list[str]:
        """Return what HAProxy says, asked as an operator does: by the agent."""
        with Session(self.fleet, self.fleet.host(balancer)) as session:
            answer = session.ask("haproxy", commands=list(commands), audit=audit)
        return list(answer["answers"])

    def reports(self, balancer: str = "lb1") -> dict[str, Report]:
        return {
            f"{one.backend}/{one.server}": one
            for one in reports(*self.ask(STAT, STATE, balancer=balancer))
        }

    def wait(self, is_so: Callable[[dict[str, Report]], bool], balancer: str = "lb1") -> None:
        """Wait until the balancer sees its servers so."""
        deadline = time.monotonic() + 20
        while not is_so(seen := self.reports(balancer)):
            assert time.monotonic() < deadline, {name: one.status for name, one in seen.items()}
            time.sleep(0.3)

    def wait_until_all_serve(self) -> None:
        for balancer in self.fleet.of_role(Role.LOAD_BALANCER):
            self.wait(all_serve, balancer.name)

    @property
    def apps(self) -> list[str]:
        return [host.name for host in self.fleet.of_role(Role.APP_SERVER)]

    def sicken(self, *what: str) -> None:
        """Make every echo server call ports or paths of health sick; none: make all well."""
        for app in self.apps:
            self.run(app, "sh", "-c", "cat > /run/echo/sick", stdin=" ".join(what))

    def taken(self, request: str) -> int:
        """Return how often a request has reached any of the echo servers."""
        found = [self.run(app, "cat", "/run/echo/taken").splitlines() for app in self.apps]
        return sum(lines.count(request) for lines in found)


def all_serve(seen: dict[str, Report]) -> bool:
    return all(one.is_serving for one in seen.values())


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    version: str
    headers: dict[str, str]
    body: str

    @classmethod
    def parsed(cls, said: str) -> "Answer":
        text, _, last = said.rpartition("\n")
        status, version = last.split()
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        pairs = [line.partition(":") for line in head.split("\n")[1:]]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return cls(int(status), version, headers, body)


@contextmanager
def echo_servers(stand: Stand) -> Iterator[Stand]:
    """Put echo servers where the application has its ports, in its place if it is there."""
    for app in stand.apps:
        # nginx is there after an apply, and holds one of the ports.
        stand.run(app, "sh", "-c", _TAKE_PLACE, *_PORTS, stdin=_ECHO)
    try:
        stand.wait_until_all_serve()
        yield stand
    finally:
        for app in stand.apps:
            stand.run(app, "sh", "-c", _GIVE_BACK)


_TAKE_PLACE = """
mkdir -p /run/echo && cat > /run/echo/echo.py
if systemctl is-active --quiet nginx; then systemctl stop nginx; touch /run/echo/nginx; fi
systemctl stop echo 2>/dev/null; systemctl reset-failed echo 2>/dev/null
systemd-run --quiet --unit echo python3 /run/echo/echo.py "$0" "$@"
"""
_GIVE_BACK = """
systemctl stop echo
if [ -e /run/echo/nginx ]; then systemctl start nginx; fi
rm -rf /run/echo
"""
