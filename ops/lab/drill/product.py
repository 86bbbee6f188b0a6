"""The product on a fleet of the lab: this is where a drill asks it, and makes what it needs.

All of it goes by the hosts themselves, so that it works with cables out as well.
"""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass

from ops.errors import LabError
from ops.lab import hosts
from ops.lab.drill.ledger import Account, account
from ops.lab.drill.load import BALANCERS, PINGS
from ops.lab.hosts import State
from ops.lab.plan import HOSTS, Lab

DATABASES = tuple(host.name for host in HOSTS if host.role == "database")
AS_THE_PRODUCT = (
    "systemd-run", "--quiet", "--pipe", "--wait", "--uid=stillhere",
    "--property=WorkingDirectory=/srv/stillhere/current",
    "--property=EnvironmentFile=/etc/stillhere/app.env", "--setenv=PYTHONPATH=.:site-packages",
    "python3",
)  # fmt: skip
_EMAIL = "drill@example.org"
# Signed in without a password: only who is root on an application server can.
_SIGN_IN = """
from django.test import Client
from app.accounts.models import User
client = Client()
client.force_login(User.objects.get(email="{email}"))
print(client.cookies["sessionid"].value)
"""


@dataclass(frozen=True, slots=True)
class Product:
    """The product on the hosts of a lab that is up, deployed."""

    lab: Lab

    def run(self, host: str, command: list[str], timeout_seconds: float = 60) -> str:
        """Run a program in a host; return what it prints. LabError with its complaint."""
        done = hosts.execute(
            self.lab, self.lab.host(host), command, timeout_seconds=timeout_seconds
        )
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()[-2000:]
            raise LabError(f"{host}: {command[0]} ended with {done.returncode}: {said}")
        return done.stdout

    def manage(self, host: str, *words: str) -> str:
        """Run manage.py on an application server."""
        return self.run(host, [*AS_THE_PRODUCT, "manage.py", *words], timeout_seconds=120)

    def psql(self, host: str, words: str) -> str:
        """Ask a host's own PostgreSQL; a row a line, columns with |."""
        ask = ["runuser", "-u", "postgres", "--", "psql", "-XAt", "-d", "stillhere", "-c", words]
        return self.run(host, ask).strip()

    def primaries(self) -> list[str]:
        """Return the database hosts that take writes now; one that is off or stopped takes none."""
        found = []
        for name in DATABASES:
            if hosts.condition(self.lab, self.lab.host(name)).state is State.DEAD:
                continue
            try:
                is_standby = self.psql(name, "SELECT pg_is_in_recovery()")
            except LabError:
                continue
            if is_standby == "f":
                found.append(name)
        return found

    def primary(self) -> str:
        """Return the one that takes writes. LabError: there is none, or more than one."""
        found = self.primaries()
        if len(found) != 1:
            raise LabError(f"One primary is needed, and there is {', '.join(found) or 'none'}.")
        return found[0]

    def standby(self) -> str:
        """Return the other database host."""
        (other,) = (name for name in DATABASES if name != self.primary())
        return other

    def tokens(self, host: str) -> list[str]:
        """Return the run ids of all pings in a host's table, one for each row."""
        return self.psql(host, "SELECT rid FROM pings_ping WHERE rid IS NOT NULL").split()

    def settled(self, acknowledged: Collection[str], within_seconds: float = 60) -> Account:
        """Wait until all that was acknowledged is in the primary's table, and compare."""
        deadline = time.monotonic() + within_seconds
        while True:
            found = account(acknowledged, self.tokens(self.primary()))
            if not found.lost or time.monotonic() > deadline:
                return found
            time.sleep(0.5)

    def member(self, email: str = _EMAIL, project: str = "") -> str:
        """Make a user with a project; return its ping key."""
        named = ["--project", project] if project else []
        made = self.manage("app1", "bootstrap", "--email", email, *named, "--new-keys", "--json")
        return str(json.loads(made)["ping_key"])

    def make_checks(self, ping_key: str, count: int) -> list[str]:
        """Have so many checks made by their first ping; return their targets."""
        targets = [f"{ping_key}/traffic-{number}" for number in range(count)]
        address = self.lab.address(self.lab.host(BALANCERS[0]))
        url = f"https://{PINGS}/{ping_key}/traffic-[0-{count - 1}]?create=1"
        ask = ["curl", "-skf", "-m", "60", "-o", "/dev/null", "-w", "%{http_code}\n"]
        ask += ["--resolve", f"{PINGS}:443:{address}", url]
        answers = set(self.run("client", ask, timeout_seconds=120).split())
        if not answers <= {"200", "201"}:
            raise LabError(f"The checks of the drill were not made: {', '.join(sorted(answers))}.")
        return targets

    def session(self, email: str = _EMAIL) -> str:
        """Return the cookie of somebody who is signed in."""
        made = self.manage("app1", "shell", "-v", "0", "-c", _SIGN_IN.format(email=email))
        return f"sessionid={made.split()[-1]}"

    def certificates(self) -> str:
        """Return the certificates that the balancers show, as PEM."""
        file = "/etc/haproxy/certificates/site.pem.{}"
        return "".join(
            self.run(name, ["openssl", "x509", "-in", file.format(kind)])
            for name in BALANCERS
            for kind in ("ecdsa", "rsa")
        )
